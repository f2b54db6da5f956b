defmodule Conformance.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    Conformance.Counters.start()

    children = [
      {Phoenix.PubSub, name: Conformance.PubSub},
      Conformance.Presence,
      {TelemetryMetricsPrometheus.Core, metrics: Conformance.Metrics.metrics()},
      Conformance.Endpoint
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Conformance.Supervisor)
  end
end
