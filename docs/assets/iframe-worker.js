// A page that is opened from a file may start no worker. The search, which asks for one, then works in a hidden frame.
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    #inside = null
    #waiting = []

    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.srcdoc = "<body></body>"
      frame.onload = () => this.#load(frame.contentWindow, new URL(url, location).href)
      document.body.append(frame)
    }

    #load(inside, url) {
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      const script = inside.document.createElement("script")
      script.src = url
      script.onload = () => {
        this.#inside = inside
        this.#waiting.splice(0).forEach(data => this.postMessage(data))
      }
      inside.document.body.append(script)
    }

    postMessage(data) {
      if (this.#inside === null) this.#waiting.push(data)
      else this.#inside.dispatchEvent(new this.#inside.MessageEvent("message", { data }))
    }

    terminate() {}
  }
