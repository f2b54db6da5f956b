defmodule Conformance.FanChannel do
  @moduledoc "`fan:*`: every event is broadcast to all subscribers, its sender included."
  use Phoenix.Channel

  @impl true
  def join(_topic, _payload, socket), do: {:ok, socket}

  @impl true
  def handle_in(event, payload, socket) do
    Conformance.Counters.add(:broadcasts)
    broadcast!(socket, event, payload)
    {:noreply, socket}
  end
end
