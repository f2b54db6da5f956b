defmodule Conformance.Presence do
  @moduledoc false
  use Phoenix.Presence, otp_app: :conformance, pubsub_server: Conformance.PubSub
end
