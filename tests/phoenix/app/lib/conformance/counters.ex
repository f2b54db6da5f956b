defmodule Conformance.Counters do
  @moduledoc """
  What this application itself has counted since it started. A load run is held against it.

  | counter | counts |
  | --- | --- |
  | `connects`, `connects_refused` | what `UserSocket.connect/3` answered |
  | `opens`, `disconnects` | sockets that have begun, and that have ended, for whatever reason |
  | `frames_in`, `frames_out` | frames of `UserSocket`'s transports, heartbeats included |
  | `joins`, `joins_refused` | what `join/3` of the channels answered |
  | `pushes` | messages that a channel was given |
  | `replies`, `error_replies` | replies of channels, those of joins and leaves not included |
  | `broadcasts` | broadcasts of channels, not multiplied by their subscribers |
  | `mounts`, `live_events` | LiveViews that were mounted on a socket, and events that one handled |
  """

  @names [
    :connects,
    :connects_refused,
    :opens,
    :disconnects,
    :frames_in,
    :frames_out,
    :joins,
    :joins_refused,
    :pushes,
    :replies,
    :error_replies,
    :broadcasts,
    :mounts,
    :live_events
  ]

  @doc "Makes the counters, and lets Phoenix' telemetry count what it announces."
  def start do
    :persistent_term.put(__MODULE__, :counters.new(length(@names), [:write_concurrency]))

    :telemetry.attach_many(
      __MODULE__,
      [
        [:phoenix, :channel_joined],
        [:phoenix, :channel_handled_in],
        [:phoenix, :live_view, :mount, :stop],
        [:phoenix, :live_view, :handle_event, :stop]
      ],
      &__MODULE__.handle_event/4,
      nil
    )
  end

  for {name, index} <- Enum.with_index(@names, 1) do
    def add(unquote(name)), do: :counters.add(:persistent_term.get(__MODULE__), unquote(index), 1)
  end

  @doc "All counters, by name."
  def all do
    counters = :persistent_term.get(__MODULE__)
    for {name, index} <- Enum.with_index(@names, 1), into: %{}, do: {name, :counters.get(counters, index)}
  end

  @doc false
  def handle_event([:phoenix, :channel_joined], _measured, %{result: :ok}, _), do: add(:joins)
  def handle_event([:phoenix, :channel_joined], _measured, _metadata, _), do: add(:joins_refused)
  def handle_event([:phoenix, :channel_handled_in], _measured, _metadata, _), do: add(:pushes)
  def handle_event([_, _, :handle_event, :stop], _measured, _metadata, _), do: add(:live_events)

  def handle_event([_, _, :mount, :stop], _measured, %{socket: socket}, _) do
    # The first of a page's two mounts renders the document, and has no socket yet.
    if socket.transport_pid, do: add(:mounts)
  end
end
