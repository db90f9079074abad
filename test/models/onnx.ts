/**
 * Writes ONNX models: just the part of the format that the test models need. Field numbers are those of `onnx.proto`
 * (ONNX IR version 8). The same description always gives the same bytes.
 */

export const FLOAT = 1;
export const INT32 = 6;
export const INT64 = 7;
const OPSET = 13;
export type ElementType = typeof FLOAT | typeof INT32 | typeof INT64;

/** A number fixes a dimension, a name leaves it open. */
export type Shape = readonly (number | string)[];

export interface Tensor {
  shape: readonly number[];
  data: Float32Array | BigInt64Array;
}

export type Attribute = number | string | readonly number[] | { float: number };

/** Float32 tensor; a scalar without `shape`. */
export const floats = (data: ArrayLike<number>, shape: readonly number[] = [data.length]): Tensor => ({
  shape,
  data: Float32Array.from(data),
});
export const float = (value: number): Tensor => floats([value], []);

/** Int64 tensor, the type of every ONNX index and shape. */
export const ints = (values: readonly number[]): Tensor => ({
  shape: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});
export const int = (value: number): Tensor => ({ shape: [], data: BigInt64Array.of(BigInt(value)) });

/** Protocol buffer wire format: varints and length-delimited fields are all that ONNX needs here. */
class Message {
  readonly #parts: Uint8Array[] = [];

  int(field: number, value: number | bigint): this {
    this.#parts.push(varint((field << 3) | 0), varint(value));
    return this;
  }

  float(field: number, value: number): this {
    this.#parts.push(varint((field << 3) | 5), new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, value: Uint8Array | string | Message): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value instanceof Message ? value.encode() : value;
    this.#parts.push(varint((field << 3) | 2), varint(bytes.length), bytes);
    return this;
  }

  encode(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/**
 * A graph under construction. Values are named strings: `node` returns the name of what it computes, ready to be an
 * input of the next.
 */
export class Graph {
  readonly #body = new Message();
  #values = 0;

  input(name: string, type: ElementType, shape: Shape): string {
    this.#body.bytes(11, valueInfo(name, type, shape));
    return name;
  }

  /** A tensor stored in the model. */
  constant(tensor: Tensor): string {
    const name = this.#nextName('c');
    const message = new Message();
    for (const dimension of tensor.shape) message.int(1, dimension);
    const { buffer, byteOffset, byteLength } = tensor.data;
    message.int(2, tensor.data instanceof Float32Array ? FLOAT : INT64);
    message.bytes(8, name).bytes(9, new Uint8Array(buffer, byteOffset, byteLength));
    this.#body.bytes(5, message);
    return name;
  }

  /** Appends an operation with one output. Inputs are names of values, or tensors to store. */
  node(op: string, inputs: readonly (string | Tensor)[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const name = this.#nextName(op.toLowerCase());
    this.#append(op, inputs, attributes, name);
    return name;
  }

  /** Makes `value` an output of the graph called `name`. */
  output(name: string, value: string, type: ElementType, shape: Shape): void {
    this.#append('Identity', [value], {}, name);
    this.#body.bytes(12, valueInfo(name, type, shape));
  }

  /** The finished model file. sherpa-onnx reads from `metadata` what kind of model it is. */
  toModel(metadata: Readonly<Record<string, string | number>>): Uint8Array {
    const model = new Message()
      .int(1, 8)
      .bytes(2, 'open-speech tests')
      .bytes(7, this.#body.bytes(2, 'graph'))
      .bytes(8, new Message().bytes(1, '').int(2, OPSET));
    for (const [key, value] of Object.entries(metadata)) {
      model.bytes(14, new Message().bytes(1, key).bytes(2, String(value)));
    }
    return model.encode();
  }

  #append(
    op: string,
    inputs: readonly (string | Tensor)[],
    attributes: Readonly<Record<string, Attribute>>,
    output: string,
  ): void {
    const node = new Message();
    for (const input of inputs) node.bytes(1, typeof input === 'string' ? input : this.constant(input));
    node.bytes(2, output).bytes(3, output).bytes(4, op);
    for (const [name, value] of Object.entries(attributes)) node.bytes(5, attribute(name, value));
    this.#body.bytes(1, node);
  }

  #nextName(prefix: string): string {
    this.#values += 1;
    return `${prefix}_${this.#values}`;
  }
}

function valueInfo(name: string, type: ElementType, shape: Shape): Message {
  const dimensions = new Message();
  for (const size of shape) {
    dimensions.bytes(1, typeof size === 'number' ? new Message().int(1, size) : new Message().bytes(2, size));
  }
  const tensor = new Message().int(1, type).bytes(2, dimensions);
  return new Message().bytes(1, name).bytes(2, new Message().bytes(1, tensor));
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().bytes(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, 2);
  if (typeof value === 'string') return message.bytes(4, value).int(20, 3);
  if ('float' in value) return message.float(2, value.float).int(20, 1);
  for (const item of value) message.int(8, item);
  return message.int(20, 7);
}
