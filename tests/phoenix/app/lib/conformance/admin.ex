defmodule Conformance.Admin do
  @moduledoc """
  What an operator does to a running server. Only this machine may ask for it.

  | POST | what it does |
  | --- | --- |
  | `/admin/disconnect?user=ann` | disconnects the sockets of that user |
  | `/admin/drain` | stops the endpoint, which drains its sockets, and starts it again |
  """
  @behaviour Plug

  import Plug.Conn
  require Logger

  alias Conformance.Endpoint

  @impl true
  def init(action), do: action

  @impl true
  def call(conn, action) do
    if loopback?(conn.remote_ip) do
      act(action, fetch_query_params(conn).query_params)
      send_resp(conn, 202, "")
    else
      send_resp(conn, 403, "only from this machine")
    end
  end

  defp loopback?({127, _, _, _}), do: true
  defp loopback?({0, 0, 0, 0, 0, 0, 0, 1}), do: true
  defp loopback?(_), do: false

  defp act(:disconnect, %{"user" => user}), do: Endpoint.broadcast!("user:" <> user, "disconnect", %{})

  defp act(:drain, _params) do
    spawn(fn ->
      # This request's own process ends with the endpoint, and its answer should be out before that.
      Process.sleep(50)
      :ok = Supervisor.terminate_child(Conformance.Supervisor, Endpoint)
      restart()
    end)
  end

  # Its port may be taken for a moment.
  defp restart do
    with {:error, reason} <- Supervisor.restart_child(Conformance.Supervisor, Endpoint) do
      Logger.error("the endpoint did not start again: #{inspect(reason)}")
      Process.sleep(100)
      restart()
    end
  end
end
