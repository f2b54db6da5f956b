defmodule Conformance.Live.Row do
  @moduledoc "A component with a state of its own, which takes its own clicks."
  use Phoenix.LiveComponent

  @impl true
  def mount(socket), do: {:ok, assign(socket, :clicks, 0)}

  @impl true
  def render(assigns) do
    ~H"""
    <div id={"row-#{@id}"} class="row">
      <span><%= @id %>: <%= @clicks %></span>
      <button phx-click="click" phx-target={@myself}>One more</button>
    </div>
    """
  end

  @impl true
  def handle_event("click", _params, socket), do: {:noreply, update(socket, :clicks, &(&1 + 1))}
end

defmodule Conformance.Live.PartsLive do
  @moduledoc "A page of parts: components that come and go, and a view in the view."
  use Phoenix.LiveView

  @impl true
  def mount(_params, _session, socket), do: {:ok, assign(socket, :ids, [1, 2, 3])}

  @impl true
  def render(assigns) do
    ~H"""
    <button id="drop" phx-click="drop">Drop the first</button>
    <button id="turn" phx-click="turn">Turn around</button>
    <.live_component :for={id <- @ids} module={Conformance.Live.Row} id={id} />
    <%= live_render(@socket, Conformance.Live.CounterLive, id: "child") %>
    """
  end

  @impl true
  def handle_event("drop", _params, socket), do: {:noreply, update(socket, :ids, &tl/1)}
  def handle_event("turn", _params, socket), do: {:noreply, update(socket, :ids, &Enum.reverse/1)}
end
