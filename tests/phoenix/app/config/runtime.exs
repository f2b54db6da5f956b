import Config

port = String.to_integer(System.get_env("PORT", "4000"))

adapter =
  case System.get_env("PHOENIX_ADAPTER", "bandit") do
    "bandit" -> Bandit.PhoenixAdapter
    "cowboy" -> Phoenix.Endpoint.Cowboy2Adapter
  end

config :conformance, Conformance.Endpoint,
  adapter: adapter,
  http: [ip: {127, 0, 0, 1}, port: port],
  url: [host: "127.0.0.1", port: port]

config :logger, level: String.to_atom(System.get_env("LOG_LEVEL", "none"))
