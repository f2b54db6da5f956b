defmodule Conformance.UserSocket do
  @moduledoc """
  The socket of all channels. The token `bad` is refused; `user` gives the socket its id.
  """
  use Phoenix.Socket, max_channels_per_transport: 100

  alias Conformance.Counters

  channel "room:*", Conformance.RoomChannel
  channel "fan:*", Conformance.FanChannel
  channel "presence:*", Conformance.PresenceChannel

  @impl true
  def connect(%{"token" => "bad"}, _socket, _info) do
    Counters.add(:connects_refused)
    :error
  end

  def connect(params, socket, info) do
    Counters.add(:connects)
    {:ok, assign(assign(socket, :user, params["user"]), :auth_token, info[:auth_token])}
  end

  @impl true
  def id(socket), do: socket.assigns.user && "user:#{socket.assigns.user}"

  # `use Phoenix.Socket` has defined these, for the transport. Here they count as well.
  defoverridable init: 1, handle_in: 2, handle_info: 2

  @impl true
  def init(state) do
    count_the_end_of(self())
    Counters.add(:opens)
    super(state)
  end

  @impl true
  def handle_in(frame, state) do
    Counters.add(:frames_in)
    count_out(super(frame, state))
  end

  @impl true
  def handle_info(message, state), do: count_out(super(message, state))

  # Not in `terminate/2`, which a transport that crashes or is killed need not call.
  defp count_the_end_of(transport) do
    spawn(fn ->
      monitor = Process.monitor(transport)

      receive do
        {:DOWN, ^monitor, _, _, _} -> Counters.add(:disconnects)
      end
    end)
  end

  defp count_out(result) when elem(result, 0) in [:push, :reply] do
    Counters.add(:frames_out)
    result
  end

  defp count_out(result), do: result
end
