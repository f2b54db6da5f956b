import Config

config :phoenix, :json_library, Jason

config :conformance, Conformance.Endpoint,
  pubsub_server: Conformance.PubSub,
  # It signs nothing but the sessions of this test application.
  secret_key_base: String.duplicate("only for the conformance suite. ", 3),
  live_view: [signing_salt: "conformance"],
  # `formats` is for Phoenix from 1.7 on, `view` and `accepts` for those before, which render HTML only with
  # phoenix_html.
  render_errors: [
    formats: [html: Conformance.ErrorPage],
    view: Conformance.ErrorPage,
    accepts: ["text"],
    layout: false
  ],
  check_origin: false,
  server: true

config :telemetry_poller, :default, period: 1_000

# What the suite makes crash would fill the log.
config :logger, level: :none
