defmodule Conformance.Admin do
  @moduledoc """
  What an operator does to a running server. Only this machine may ask for it.

  | POST | what it does |
  | --- | --- |
  | `/admin/disconnect?user=ann` | disconnects the sockets of that user |
  | `/admin/drain` | stops the endpoint, which drains its sockets, and starts it again |
  | `/admin/crash` | kills the endpoint's supervisor: no socket says goodbye; it is started again |
  | `/admin/stop` | stops the whole system in order, as a deployment does |
  """
  @behaviour Plug

  import Plug.Conn

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
    later(fn ->
      :ok = Supervisor.terminate_child(Conformance.Supervisor, Endpoint)
      {:ok, _} = Supervisor.restart_child(Conformance.Supervisor, Endpoint)
    end)
  end

  defp act(:crash, _params), do: later(fn -> Process.exit(Process.whereis(Endpoint), :kill) end)
  defp act(:stop, _params), do: later(&System.stop/0)

  # The request's own process ends with the endpoint, and its answer should be out before that.
  defp later(act) do
    spawn(fn ->
      Process.sleep(50)
      act.()
    end)
  end
end
