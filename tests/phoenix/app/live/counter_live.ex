defmodule Conformance.Live.CounterLive do
  @moduledoc "A button that counts, a process that counts by itself, and a crash."
  use Phoenix.LiveView

  @impl true
  def mount(_params, _session, socket) do
    {:ok, assign(socket, count: 0, connected: connected?(socket), page_title: "Counter")}
  end

  @impl true
  def render(assigns) do
    ~H"""
    <p id="flash"><%= Phoenix.Flash.get(@flash, :info) %></p>
    <p id="count"><%= @count %></p>
    <p id="connected"><%= @connected %></p>
    <button id="inc" phx-click="inc">One more</button>
    <button id="add" phx-click="add" phx-value-by="10">Ten more</button>
    <button id="later" phx-click="later">One more, unasked</button>
    <button id="tell" phx-click="tell">An event for the page</button>
    <button id="crash" phx-click="crash">Crash</button>
    """
  end

  @impl true
  def handle_event("inc", _params, socket), do: {:noreply, update(socket, :count, &(&1 + 1))}

  def handle_event("add", %{"by" => by}, socket) do
    {:noreply, update(socket, :count, &(&1 + String.to_integer(by)))}
  end

  def handle_event("later", _params, socket) do
    Process.send_after(self(), :inc, 20)
    {:noreply, socket}
  end

  def handle_event("tell", _params, socket) do
    {:noreply, push_event(socket, "told", %{count: socket.assigns.count})}
  end

  def handle_event("crash", _params, _socket), do: raise("the event crash crashes the view")

  @impl true
  def handle_info(:inc, socket), do: {:noreply, update(socket, :count, &(&1 + 1))}
end
