defmodule Conformance.Live.FormLive do
  @moduledoc "A form that is validated while it is filled in, and that survives a crash of its view."
  use Phoenix.LiveView

  @impl true
  def mount(_params, _session, socket), do: {:ok, assign(socket, name: "", error: nil, saved: nil)}

  @impl true
  def render(assigns) do
    ~H"""
    <form id="form" phx-change="validate" phx-submit="save">
      <input id="name" type="text" name="person[name]" value={@name} />
      <p :if={@error} id="error"><%= @error %></p>
      <button id="save">Save</button>
    </form>
    <p id="seen"><%= @name %></p>
    <p :if={@saved} id="saved"><%= @saved %></p>
    <button id="crash" phx-click="crash">Crash</button>
    """
  end

  @impl true
  def handle_event("validate", %{"person" => %{"name" => name}}, socket) do
    {:noreply, assign(socket, name: name, error: if(name == "", do: "say a name"))}
  end

  def handle_event("save", %{"person" => %{"name" => name}}, socket) do
    {:noreply, assign(socket, saved: name)}
  end

  def handle_event("crash", _params, _socket), do: raise("the event crash crashes the view")
end
