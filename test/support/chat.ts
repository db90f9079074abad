import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface ChatRequest {
  model: string;
  messages: { role: string; content?: unknown; tool_calls?: unknown; tool_call_id?: string }[];
  tools?: unknown[];
  authorization: string | undefined;
}

/** What the model says: pieces of text, or a call of a function. */
export type Saying = string | { call: string; arguments: string } | { waitMs: number } | { status: number } | 'break';

/** Waits, but no longer than somebody listens. */
function pause(ms: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A language model that says what a test tells it to, behind OpenAI's chat completions. */
export async function chatDuring(
  test: TestContext,
  say: (request: ChatRequest) => Saying[],
): Promise<{ url: string; requests: ChatRequest[]; left: () => number; open: () => number }> {
  const requests: ChatRequest[] = [];
  let left = 0;
  let open = 0;
  const server: Server = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    const asked = { ...JSON.parse(Buffer.concat(body).toString()), authorization: request.headers.authorization };
    requests.push(asked as ChatRequest);
    open++;
    response.on('close', () => {
      open--;
      if (!response.writableFinished) left++;
    });
    const sayings = say(asked as ChatRequest);
    const [first] = sayings;
    if (typeof first === 'object' && 'status' in first) {
      response.writeHead(first.status).end('{}');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (delta: object, finish_reason: string | null = null): void => {
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    };
    let calls = 0;
    for (const saying of sayings) {
      if (response.destroyed) return;
      if (saying === 'break') {
        response.destroy();
        return;
      }
      if (typeof saying === 'string') send({ content: saying });
      else if ('waitMs' in saying) await pause(saying.waitMs, response);
      else if ('call' in saying) {
        const index = calls++;
        send({
          tool_calls: [
            { index, id: `call_${index}`, type: 'function', function: { name: saying.call, arguments: '' } },
          ],
        });
        send({ tool_calls: [{ index, function: { arguments: saying.arguments } }] });
      }
    }
    send({}, calls > 0 ? 'tool_calls' : 'stop');
    response.end(
      `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 7 } })}\n\ndata: [DONE]\n\n`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, requests, left: () => left, open: () => open };
}
