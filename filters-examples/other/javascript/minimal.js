/**
 * Lets orders through, and nothing else: a filter in JavaScript, written against the WIT alone.
 *
 * componentize-js makes a component of it that holds a JavaScript engine and needs WASI, so its policy grants `wasi`.
 */

// Words of a row (see wit/tidegate.wit): field n has its start in word 4 + 2n, its length in word 5 + 2n.
const TYPE = 2;
const KEEP = 0;
const DROP = 1;
const text = new TextDecoder();

export const lifecycle = {
  describe() {
    return { name: "minimal-javascript", version: "0.1.0", configSchema: undefined };
  },

  configure(_config) {
    return { attributes: true };
  },
};

export const filter = {
  evaluate({ rowWords, bytes, index }) {
    const field = (row, n) => {
      const at = row + 4 + 2 * n;
      return text.decode(bytes.subarray(index[at], index[at] + index[at + 1]));
    };
    const codes = [];
    for (let row = 0; row < index.length; row += rowWords) {
      codes.push(field(row, TYPE).startsWith("com.acme.order") ? KEEP : DROP | (1 << 8));
    }
    return { codes: Uint32Array.from(codes), reasons: codes.some((code) => code !== KEEP) ? ["not an order"] : [] };
  },
};
