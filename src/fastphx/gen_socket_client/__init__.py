"""The behaviour: a socket as a process with callbacks, after Elixir's GenSocketClient."""

from fastphx.gen_socket_client.behaviour import GenSocketClient
from fastphx.gen_socket_client.caller import Caller, reply
from fastphx.gen_socket_client.info_timer import InfoTimer
from fastphx.gen_socket_client.registry import whereis
from fastphx.gen_socket_client.responses import TIMEOUT, Connect, Ignore, NoConnect, NoReply, Ok, Reply, Stop
from fastphx.gen_socket_client.socket import Socket
from fastphx.gen_socket_client.start import start_link
from fastphx.gen_socket_client.transport_handle import TransportHandle, join, joined, leave, push

__all__ = [
    "TIMEOUT",
    "Caller",
    "Connect",
    "GenSocketClient",
    "Ignore",
    "InfoTimer",
    "NoConnect",
    "NoReply",
    "Ok",
    "Reply",
    "Socket",
    "Stop",
    "TransportHandle",
    "join",
    "joined",
    "leave",
    "push",
    "reply",
    "start_link",
    "whereis",
]
