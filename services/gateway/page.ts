/** What `GET /` shows: what this is, and where to go. */
export const frontPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tributary</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em } code { background: #8882 }</style>
<h1>Tributary</h1>
<p>A messaging timeline server.</p>
<ul>
<li><a href="/docs">/docs</a>: every method, over <code>POST /v1/rpc/&lt;method&gt;</code> and over the WebSocket alike</li>
<li><code>/connection/websocket</code>: the WebSocket, Centrifuge client protocol</li>
<li><a href="/ready">/ready</a>, <a href="/health">/health</a>, <a href="/metrics">/metrics</a>: for operators</li>
</ul>
</html>
`;
