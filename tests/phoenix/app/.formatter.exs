[
  import_deps: [:phoenix],
  line_length: 110,
  inputs: ["{mix,.formatter}.exs", "{config,lib,live}/**/*.{ex,exs}"]
]
