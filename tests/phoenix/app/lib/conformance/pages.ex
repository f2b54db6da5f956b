defmodule Conformance.Pages do
  @moduledoc "What the application says about itself: its versions, its counters and its metrics."
  @behaviour Plug

  import Plug.Conn

  @impl true
  def init(page), do: page

  @impl true
  def call(conn, :metrics), do: send_resp(conn, 200, TelemetryMetricsPrometheus.Core.scrape())
  def call(conn, :counters), do: json(conn, Conformance.Counters.all())

  def call(conn, :versions) do
    versions =
      for app <- [:phoenix, :phoenix_live_view, :bandit, :cowboy], into: %{}, do: {app, version(app)}

    adapter = Application.get_env(:conformance, Conformance.Endpoint)[:adapter]

    json(
      conn,
      Map.merge(versions, %{
        adapter: if(adapter == Bandit.PhoenixAdapter, do: "bandit", else: "cowboy"),
        elixir: System.version(),
        otp: to_string(:erlang.system_info(:otp_release))
      })
    )
  end

  defp version(app) do
    version = Application.spec(app, :vsn)
    version && to_string(version)
  end

  defp json(conn, value) do
    conn |> put_resp_content_type("application/json") |> send_resp(200, Jason.encode!(value))
  end
end
