'use strict';
// Runs the module beside the page, where files can be read piece by piece while it works. Each question gets an
// instance of its own, so that no file leaves anything behind.
const WINDOW = 1 << 20;
let module;
let files = [];

self.onmessage = async ({ data }) => {
  try {
    if (data.module) module = await WebAssembly.compile(data.module);
    if (data.files) files = data.files;
    self.postMessage({ id: data.id, answer: data.question ? ask(data.question) : {} });
  } catch (error) {
    self.postMessage({ id: data.id, answer: { error: `${error.message || error}` } });
  }
};

function ask(question) {
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  const next = [length, bytes];
  const seen = {};
  let answer;
  const instance = new WebAssembly.Instance(module, {
    typst_env: {
      wasm_minimal_protocol_send_result_to_host(at, size) {
        const sent = new Uint8Array(instance.exports.memory.buffer, at, size).slice();
        if (sent[0] === 1) {
          answer = JSON.parse(new TextDecoder().decode(sent.subarray(1)));
          return;
        }
        const numbers = new DataView(sent.buffer, 1);
        const [file, offset, count] = [0, 8, 16].map(place => Number(numbers.getBigUint64(place, true)));
        next.push(read(seen, file, offset, count));
      },
      wasm_minimal_protocol_write_args_to_buffer(at) {
        const filled = next.shift();
        new Uint8Array(instance.exports.memory.buffer, at, filled.length).set(filled);
      },
    },
  });
  instance.exports.main(0, 0);
  return answer;
}

// Bytes of a file. A window of the one that was read last is kept, since headers are small and follow each other.
function read(seen, file, offset, count) {
  const end = offset + count;
  if (seen.file !== file || offset < seen.start || end > seen.start + seen.bytes.length) {
    const blob = files[file].slice(offset, offset + Math.max(count, WINDOW));
    let bytes;
    try {
      bytes = new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob));
    } catch (error) {
      throw new Error(`a file can't be read, or was changed since it was chosen: ${error.message}`);
    }
    Object.assign(seen, { file, start: offset, bytes });
  }
  const from = offset - seen.start;
  const bytes = seen.bytes.subarray(from, from + count);
  if (bytes.length !== count) throw new Error('a file is shorter than when it was chosen');
  return bytes;
}
