defmodule Conformance.Router do
  use Phoenix.Router

  get "/metrics", Conformance.Pages, :metrics
  get "/versions", Conformance.Pages, :versions
  get "/counters", Conformance.Pages, :counters

  # Only from this machine.
  post "/admin/disconnect", Conformance.Admin, :disconnect
  post "/admin/drain", Conformance.Admin, :drain
end
