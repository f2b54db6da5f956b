"""The public names, as type checkers see them; each is imported when it is first asked for."""

from fastphx import liveview as liveview
from fastphx import load as load
from fastphx import testing as testing
from fastphx.client import (
    Channel as Channel,
)
from fastphx.client import (
    Client as Client,
)
from fastphx.client import (
    ClientState as ClientState,
)
from fastphx.client import (
    JoinState as JoinState,
)
from fastphx.client import (
    Outage as Outage,
)
from fastphx.client import (
    Presence as Presence,
)
from fastphx.client import (
    PushReply as PushReply,
)
from fastphx.client import (
    Stats as Stats,
)
from fastphx.client import (
    connect as connect,
)
from fastphx.errors import (
    AlreadyJoinedError as AlreadyJoinedError,
)
from fastphx.errors import (
    BadReturnError as BadReturnError,
)
from fastphx.errors import (
    CallTimeoutError as CallTimeoutError,
)
from fastphx.errors import (
    ChannelCrashedError as ChannelCrashedError,
)
from fastphx.errors import (
    ClosedError as ClosedError,
)
from fastphx.errors import (
    ConnectError as ConnectError,
)
from fastphx.errors import (
    ConnectionClosed as ConnectionClosed,
)
from fastphx.errors import (
    ConnectionLostError as ConnectionLostError,
)
from fastphx.errors import (
    DecodeError as DecodeError,
)
from fastphx.errors import (
    DisconnectedError as DisconnectedError,
)
from fastphx.errors import (
    DisconnectReason as DisconnectReason,
)
from fastphx.errors import (
    EncodingError as EncodingError,
)
from fastphx.errors import (
    FastphxError as FastphxError,
)
from fastphx.errors import (
    HeartbeatTimeout as HeartbeatTimeout,
)
from fastphx.errors import (
    JoinError as JoinError,
)
from fastphx.errors import (
    JoinTimeoutError as JoinTimeoutError,
)
from fastphx.errors import (
    NotJoinedError as NotJoinedError,
)
from fastphx.errors import (
    OverloadedError as OverloadedError,
)
from fastphx.errors import (
    PushError as PushError,
)
from fastphx.errors import (
    PushTimeoutError as PushTimeoutError,
)
from fastphx.errors import (
    StartError as StartError,
)
from fastphx.errors import (
    StoppedError as StoppedError,
)
from fastphx.errors import (
    TransportDown as TransportDown,
)
from fastphx.gen_socket_client import (
    TIMEOUT as TIMEOUT,
)
from fastphx.gen_socket_client import (
    Connect as Connect,
)
from fastphx.gen_socket_client import (
    GenSocketClient as GenSocketClient,
)
from fastphx.gen_socket_client import (
    Ignore as Ignore,
)
from fastphx.gen_socket_client import (
    NoConnect as NoConnect,
)
from fastphx.gen_socket_client import (
    NoReply as NoReply,
)
from fastphx.gen_socket_client import (
    Ok as Ok,
)
from fastphx.gen_socket_client import (
    Reply as Reply,
)
from fastphx.gen_socket_client import (
    Socket as Socket,
)
from fastphx.gen_socket_client import (
    Stop as Stop,
)
from fastphx.gen_socket_client import (
    TransportHandle as TransportHandle,
)
from fastphx.gen_socket_client import (
    reply as reply,
)
from fastphx.gen_socket_client import (
    start_link as start_link,
)
from fastphx.gen_socket_client import (
    whereis as whereis,
)
from fastphx.protocol.frame_write import RawJson as RawJson
from fastphx.serializers import (
    GzipJson as GzipJson,
)
from fastphx.serializers import (
    JsonV1 as JsonV1,
)
from fastphx.serializers import (
    JsonV2 as JsonV2,
)
from fastphx.serializers import (
    Serializer as Serializer,
)
from fastphx.serializers import (
    SupabaseV2 as SupabaseV2,
)

__all__ = [
    "TIMEOUT",
    "AlreadyJoinedError",
    "BadReturnError",
    "CallTimeoutError",
    "Channel",
    "ChannelCrashedError",
    "Client",
    "ClientState",
    "ClosedError",
    "Connect",
    "ConnectError",
    "ConnectionClosed",
    "ConnectionLostError",
    "DecodeError",
    "DisconnectReason",
    "DisconnectedError",
    "EncodingError",
    "FastphxError",
    "GenSocketClient",
    "GzipJson",
    "HeartbeatTimeout",
    "Ignore",
    "JoinError",
    "JoinState",
    "JoinTimeoutError",
    "JsonV1",
    "JsonV2",
    "NoConnect",
    "NoReply",
    "NotJoinedError",
    "Ok",
    "Outage",
    "OverloadedError",
    "Presence",
    "PushError",
    "PushReply",
    "PushTimeoutError",
    "RawJson",
    "Reply",
    "Serializer",
    "Socket",
    "StartError",
    "Stats",
    "Stop",
    "StoppedError",
    "SupabaseV2",
    "TransportDown",
    "TransportHandle",
    "connect",
    "reply",
    "start_link",
    "whereis",
]
