defmodule Conformance.Live.PlacesLive do
  @moduledoc "Every way from one place to another: patch, navigate and redirect, by a link and by the server."
  use Phoenix.LiveView

  @impl true
  def mount(_params, _session, socket), do: {:ok, assign(socket, :visits, 0)}

  @impl true
  def handle_params(params, _uri, socket) do
    place = params["place"] || "home"
    {:noreply, socket |> assign(place: place, page_title: place) |> update(:visits, &(&1 + 1))}
  end

  @impl true
  def render(assigns) do
    ~H"""
    <p id="flash"><%= Phoenix.Flash.get(@flash, :info) %></p>
    <p id="place"><%= @place %></p>
    <p id="visits"><%= @visits %></p>
    <.link id="patch" patch="/pages/places/north">Patch</.link>
    <.link id="navigate" navigate="/pages/counter">Navigate</.link>
    <.link id="href" href="/pages/counter">A document</.link>
    <button id="push-patch" phx-click="push-patch">The server patches</button>
    <button id="push-navigate" phx-click="push-navigate">The server navigates</button>
    <button id="redirect" phx-click="redirect">The server redirects</button>
    """
  end

  @impl true
  def handle_event("push-patch", _params, socket) do
    {:noreply, push_patch(socket, to: "/pages/places/south")}
  end

  def handle_event("push-navigate", _params, socket) do
    {:noreply, socket |> put_flash(:info, "navigated") |> push_navigate(to: "/pages/counter")}
  end

  def handle_event("redirect", _params, socket) do
    {:noreply, socket |> put_flash(:info, "redirected") |> redirect(to: "/pages/counter")}
  end
end
