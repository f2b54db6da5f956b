defmodule Conformance.Live.UploadLive do
  @moduledoc "Two files at most, of 100 kB at most, whose sizes and digests are shown when they have arrived."
  use Phoenix.LiveView

  @impl true
  def mount(_params, _session, socket) do
    {:ok,
     socket
     |> assign(:received, [])
     |> allow_upload(:files,
       accept: ~w(.txt .bin),
       max_entries: 2,
       max_file_size: 100_000,
       chunk_size: 16_000
     )}
  end

  @impl true
  def render(assigns) do
    ~H"""
    <form id="form" phx-change="validate" phx-submit="save">
      <.live_file_input upload={@uploads.files} />
      <p :for={entry <- @uploads.files.entries} class="entry"><%= entry.client_name %> <%= entry.progress %></p>
      <p :for={error <- errors(@uploads.files)} class="error"><%= error %></p>
      <button id="save">Save</button>
    </form>
    <p :for={text <- @received} class="received"><%= text %></p>
    """
  end

  @impl true
  def handle_event("validate", _params, socket), do: {:noreply, socket}

  def handle_event("save", _params, socket) do
    received =
      consume_uploaded_entries(socket, :files, fn %{path: path}, entry ->
        data = File.read!(path)
        digest = Base.encode16(:crypto.hash(:sha256, data), case: :lower)
        {:ok, "#{entry.client_name} #{byte_size(data)} #{digest}"}
      end)

    {:noreply, assign(socket, :received, received)}
  end

  defp errors(upload) do
    upload_errors(upload) ++ Enum.flat_map(upload.entries, &upload_errors(upload, &1))
  end
end
