defmodule Conformance.Metrics do
  @moduledoc "The Prometheus page, set up as fastphx' documentation of a server's own figures asks for."

  import Telemetry.Metrics

  def metrics do
    ms = [
      unit: {:native, :millisecond},
      reporter_options: [buckets: [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000]]
    ]

    joined = [event_name: [:phoenix, :channel_joined], measurement: :duration]
    handled = [event_name: [:phoenix, :channel_handled_in], measurement: :duration, tags: [:event]]

    [
      last_value("vm.memory.total.bytes", event_name: [:vm, :memory], measurement: :total),
      last_value("vm.total_run_queue_lengths.total"),
      last_value("vm.total_run_queue_lengths.cpu"),
      last_value("vm.system_counts.process_count"),
      last_value("vm.system_counts.port_count"),
      distribution("phoenix.channel_joined.duration.milliseconds", joined ++ ms),
      distribution("phoenix.channel_handled_in.duration.milliseconds", handled ++ ms)
    ]
  end
end
