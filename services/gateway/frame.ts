const TEXT = 0x81;
const BINARY = 0x82;

/** A final, unmasked WebSocket frame (RFC 6455, 5.2) with room for so many bytes, which begin at the returned place. */
function framed(first: number, bytes: number): [frame: Buffer, head: number] {
  const head = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + bytes);
  frame[0] = first;
  if (head === 2) frame[1] = bytes;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(bytes, 6);
  }
  return [frame, head];
}

export function textFrame(text: string): Buffer {
  const [frame, head] = framed(TEXT, Buffer.byteLength(text));
  frame.write(text, head, "utf8");
  return frame;
}

export function binaryFrame(payload: Buffer): Buffer {
  const [frame, head] = framed(BINARY, payload.length);
  payload.copy(frame, head);
  return frame;
}
