defmodule Conformance.MixProject do
  use Mix.Project

  # What a matrix chooses. An empty LIVE_VIEW_VERSION leaves LiveView out, as Phoenix before 1.7 must.
  @phoenix System.get_env("PHOENIX_VERSION", "~> 1.8.0")
  @live_view System.get_env("LIVE_VIEW_VERSION", "~> 1.1.0")
  @adapter System.get_env("PHOENIX_ADAPTER", "bandit")

  # Where Hex cannot be reached: a directory with the sources of every package, each under its name.
  @sources System.get_env("PHOENIX_SOURCES")

  def project do
    [
      app: :conformance,
      version: "0.1.0",
      elixir: "~> 1.11",
      elixirc_paths: if(live_view?(), do: ["lib", "live"], else: ["lib"]),
      start_permanent: true,
      deps: if(@sources, do: sources(), else: packages())
    ]
  end

  def application do
    [mod: {Conformance.Application, []}, extra_applications: [:logger, :crypto]]
  end

  defp packages do
    [
      {:phoenix, @phoenix},
      {:phoenix_pubsub, "~> 2.0"},
      {:jason, "~> 1.0"},
      {:telemetry_poller, "~> 1.0"},
      {:telemetry_metrics_prometheus_core, "~> 1.2"},
      adapter(@adapter)
      | if(live_view?(), do: [{:phoenix_live_view, @live_view}], else: [])
    ]
  end

  defp adapter("bandit"), do: {:bandit, "~> 1.5"}
  defp adapter("cowboy"), do: {:plug_cowboy, "~> 2.6"}

  defp sources do
    for name <- File.ls!(@sources) do
      {String.to_atom(name), path: Path.join(@sources, name), override: true}
    end
  end

  defp live_view? do
    if @sources, do: File.dir?(Path.join(@sources, "phoenix_live_view")), else: @live_view != ""
  end
end
