defmodule Conformance.Live.StreamLive do
  @moduledoc "A stream: what is added, moved and deleted, of which the server keeps nothing."
  use Phoenix.LiveView

  @impl true
  def mount(_params, _session, socket) do
    {:ok, socket |> assign(:next, 4) |> stream(:rows, rows(1..3))}
  end

  @impl true
  def render(assigns) do
    ~H"""
    <ul id="rows" phx-update="stream">
      <li :for={{id, row} <- @streams.rows} id={id}><%= row.text %></li>
    </ul>
    <button id="append" phx-click="append">Append</button>
    <button id="prepend" phx-click="prepend">Prepend</button>
    <button id="last" phx-click="last">Keep the last three</button>
    <button id="change" phx-click="change" phx-value-id="2">Change the second</button>
    <button id="delete" phx-click="delete" phx-value-id="1">Delete the first</button>
    <button id="reset" phx-click="reset">Reset</button>
    """
  end

  @impl true
  def handle_event("append", _params, socket), do: {:noreply, insert(socket, at: -1)}
  def handle_event("prepend", _params, socket), do: {:noreply, insert(socket, at: 0)}
  def handle_event("last", _params, socket), do: {:noreply, insert(socket, at: -1, limit: -3)}

  def handle_event("change", %{"id" => id}, socket) do
    {:noreply, stream_insert(socket, :rows, %{id: String.to_integer(id), text: "changed"})}
  end

  def handle_event("delete", %{"id" => id}, socket) do
    {:noreply, stream_delete_by_dom_id(socket, :rows, "rows-" <> id)}
  end

  def handle_event("reset", _params, socket), do: {:noreply, stream(socket, :rows, rows(7..8), reset: true)}

  defp insert(socket, options) do
    socket |> stream_insert(:rows, row(socket.assigns.next), options) |> update(:next, &(&1 + 1))
  end

  defp rows(ids), do: Enum.map(ids, &row/1)
  defp row(id), do: %{id: id, text: "row #{id}"}
end
