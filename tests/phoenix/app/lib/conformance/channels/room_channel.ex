defmodule Conformance.RoomChannel do
  @moduledoc """
  `room:*`: one event for each thing that a channel can do.

  | event | what it does |
  | --- | --- |
  | `echo`, `echo_error` | replies with the payload, ok or error; a binary one stays binary |
  | `status` | replies ok, without a payload |
  | `value` | replies with the payload's `value`, whatever that is |
  | `slow` | replies from another process after `ms` milliseconds |
  | `noreply` | nothing |
  | `push`, `push_many` | pushes `pushed`, once or `count` times with `n` |
  | `new_msg`, `new_msg_from` | broadcasts `new_msg` to all, or to all others |
  | `whoami` | replies with the socket's `user` and `auth_token` |
  | `stop`, `stop_shutdown`, `stop_reply` | ends the channel, the last one with a reply |
  | `crash` | ends it with an exception; so does any other event |
  | `kick` | disconnects the socket, as a broadcast of `disconnect` to its id does |
  | `kill_socket` | kills the socket's process |

  `room:denied` refuses, `room:crash_join` crashes in its join, and `room:slow_join` joins after `ms` milliseconds.
  """
  use Phoenix.Channel

  alias Conformance.Counters

  @impl true
  def join("room:denied", _payload, _socket), do: {:error, %{reason: "denied"}}
  def join("room:crash_join", _payload, _socket), do: raise("joining room:crash_join crashes")

  def join("room:slow_join", payload, socket) do
    Process.sleep(payload["ms"])
    {:ok, socket}
  end

  def join(_topic, payload, socket), do: {:ok, %{joined: payload}, socket}

  @impl true
  def handle_in("echo", payload, socket), do: reply_with({:ok, payload}, socket)
  def handle_in("echo_error", payload, socket), do: reply_with({:error, payload}, socket)
  def handle_in("status", _payload, socket), do: reply_with(:ok, socket)

  def handle_in("value", %{"value" => value}, socket), do: reply_with({:ok, value}, socket)

  def handle_in("slow", payload, socket) do
    ref = socket_ref(socket)

    spawn_link(fn ->
      Process.sleep(payload["ms"] || 100)
      Counters.add(:replies)
      reply(ref, {:ok, payload})
    end)

    {:noreply, socket}
  end

  def handle_in("noreply", _payload, socket), do: {:noreply, socket}

  def handle_in("push", payload, socket) do
    push(socket, "pushed", payload)
    {:noreply, socket}
  end

  def handle_in("push_many", %{"count" => count}, socket) do
    for n <- 1..count, do: push(socket, "pushed", %{n: n})
    reply_with(:ok, socket)
  end

  def handle_in("new_msg", payload, socket) do
    Counters.add(:broadcasts)
    broadcast!(socket, "new_msg", payload)
    {:noreply, socket}
  end

  def handle_in("new_msg_from", payload, socket) do
    Counters.add(:broadcasts)
    broadcast_from!(socket, "new_msg", payload)
    {:noreply, socket}
  end

  def handle_in("whoami", _payload, socket) do
    reply_with({:ok, Map.take(socket.assigns, [:user, :auth_token])}, socket)
  end

  def handle_in("stop", _payload, socket), do: {:stop, :normal, socket}
  def handle_in("stop_shutdown", _payload, socket), do: {:stop, :shutdown, socket}

  def handle_in("stop_reply", payload, socket) do
    Counters.add(:replies)
    {:stop, :normal, {:ok, payload}, socket}
  end

  def handle_in("crash", _payload, _socket), do: raise("the event crash crashes the channel")

  def handle_in("kick", _payload, socket) do
    send(socket.transport_pid, %Phoenix.Socket.Broadcast{event: "disconnect"})
    {:noreply, socket}
  end

  def handle_in("kill_socket", _payload, socket) do
    Process.exit(socket.transport_pid, :kill)
    {:noreply, socket}
  end

  defp reply_with(answer, socket) do
    Counters.add(if match?({:error, _}, answer), do: :error_replies, else: :replies)
    {:reply, answer, socket}
  end
end
