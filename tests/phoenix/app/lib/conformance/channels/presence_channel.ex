defmodule Conformance.PresenceChannel do
  @moduledoc "`presence:*`: tracks the join's `user`; `update` changes its `status`."
  use Phoenix.Channel

  alias Conformance.Presence

  @impl true
  def join(_topic, %{"user" => user}, socket) do
    send(self(), :after_join)
    {:ok, assign(socket, :user, user)}
  end

  def join(_topic, _payload, _socket), do: {:error, %{reason: "no user"}}

  @impl true
  def handle_info(:after_join, socket) do
    {:ok, _} = Presence.track(socket, socket.assigns.user, %{online_at: 1, status: "on"})
    push(socket, "presence_state", Presence.list(socket))
    {:noreply, socket}
  end

  @impl true
  def handle_in("update", %{"status" => status}, socket) do
    {:ok, _} = Presence.update(socket, socket.assigns.user, %{online_at: 1, status: status})
    Conformance.Counters.add(:replies)
    {:reply, :ok, socket}
  end
end
