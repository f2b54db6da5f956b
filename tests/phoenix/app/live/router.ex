defmodule Conformance.Live.Router do
  @moduledoc "The LiveView pages; the rest is `Conformance.Router`'s."
  use Phoenix.Router

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
      live "/parts", PartsLive
      live "/form", FormLive
      live "/stream", StreamLive
      live "/upload", UploadLive
      live "/places", PlacesLive
      live "/places/:place", PlacesLive
    end
  end

  forward "/", Conformance.Router
end
