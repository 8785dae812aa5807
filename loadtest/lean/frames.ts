/** WebSocket framing as a load generator needs it: whole text frames in, unmasked bytes out (RFC 6455, 5.2). */

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;

/** A masked text frame. The key is 0, so that nothing has to be masked: servers must take any key. */
export function clientFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const head = bytes < 126 ? 6 : bytes < 65_536 ? 8 : 14;
  const frame = Buffer.allocUnsafe(head + bytes);
  frame[0] = 0x80 | TEXT;
  if (head === 6) frame[1] = 0x80 | bytes;
  else if (head === 8) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = 0x80 | 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(bytes, 6);
  }
  frame.writeUInt32BE(0, head - 4);
  frame.write(text, head, "utf8");
  return frame;
}

export interface FrameEvents {
  /** A whole text frame. The bytes are only good during the call. */
  text(frame: Buffer): void;
  /** The server's close frame; 1005 without a code. */
  close(code: number): void;
}

/** Takes the bytes of one connection as they come and gives its frames. What is cut in the middle is kept for the next call. */
export function frameReader(events: FrameEvents): (chunk: Buffer) => void {
  let rest: Buffer | null = null;
  return (chunk) => {
    const data = rest === null ? chunk : Buffer.concat([rest, chunk]);
    const end = readFrames(data, events);
    rest = end === data.length ? null : Buffer.from(data.subarray(end));
  };
}

/** Gives every whole frame; returns where the first incomplete one begins. */
function readFrames(data: Buffer, events: FrameEvents): number {
  let at = 0;
  while (data.length - at >= 2) {
    let bytes = (data[at + 1] as number) & 0x7f;
    let head = 2;
    if (bytes === 126) {
      if (data.length - at < 4) break;
      bytes = data.readUInt16BE(at + 2);
      head = 4;
    } else if (bytes === 127) {
      if (data.length - at < 10) break;
      bytes = data.readUInt32BE(at + 6);
      head = 10;
    }
    if (data.length - at < head + bytes) break;
    giveFrame((data[at] as number) & 0x0f, data.subarray(at + head, at + head + bytes), events);
    at += head + bytes;
  }
  return at;
}

function giveFrame(opcode: number, payload: Buffer, events: FrameEvents): void {
  if (opcode === TEXT) events.text(payload);
  else if (opcode === CLOSE) events.close(payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
  else if (opcode !== PING) throw new Error(`a frame with opcode ${opcode} is not expected here`);
}
