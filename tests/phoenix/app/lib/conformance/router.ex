defmodule Conformance.Router do
  use Phoenix.Router

  get "/metrics", Conformance.Pages, :metrics
  get "/versions", Conformance.Pages, :versions
  get "/counters", Conformance.Pages, :counters

  # Only from this machine.
  post "/admin/disconnect", Conformance.Admin, :disconnect
  post "/admin/drain", Conformance.Admin, :drain
  post "/admin/crash", Conformance.Admin, :crash
  post "/admin/stop", Conformance.Admin, :stop

  if Code.ensure_loaded?(Phoenix.LiveView) do
    import Phoenix.LiveView.Router

    pipeline :browser do
      plug :fetch_session
      plug :fetch_live_flash
      plug :put_root_layout, html: {Conformance.Live.Layout, :root}
      plug :protect_from_forgery
    end

    scope "/pages", Conformance.Live do
      pipe_through :browser

      live_session :default do
        live "/counter", CounterLive
        live "/form", FormLive
        live "/stream", StreamLive
        live "/upload", UploadLive
        live "/places", PlacesLive
        live "/places/:place", PlacesLive
      end
    end
  end
end
