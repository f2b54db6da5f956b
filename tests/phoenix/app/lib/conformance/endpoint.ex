defmodule Conformance.Endpoint do
  use Phoenix.Endpoint, otp_app: :conformance

  # Phoenix ignores what its version does not know: `auth_token` is of 1.8, `drainer` of 1.7.
  @shared [auth_token: true, drainer: [batch_size: 500, batch_interval: 100]]

  # Shorter waits than usual, so that a client soon learns that its session is gone.
  @longpoll [window_ms: 1_000, pubsub_timeout_ms: 500]

  socket "/socket", Conformance.UserSocket, @shared ++ [websocket: [compress: true], longpoll: @longpoll]

  # The same with an idle timeout that a test can wait for.
  socket "/short", Conformance.UserSocket, @shared ++ [websocket: [timeout: 1_000], longpoll: false]

  plug Plug.Parsers, parsers: [:urlencoded, :json], json_decoder: Jason

  # `live/` is compiled only where LiveView is there.
  if Code.ensure_loaded?(Phoenix.LiveView) do
    @session [store: :cookie, key: "_conformance", signing_salt: "conformance", same_site: "Lax"]

    @info [connect_info: [session: @session]]

    socket "/live", Phoenix.LiveView.Socket, websocket: @info, longpoll: @info
    plug Plug.Session, @session
    plug Conformance.Live.Router
  else
    plug Conformance.Router
  end
end
