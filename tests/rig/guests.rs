//! Guests written by hand: core WebAssembly text for the parts that misbehave, `wit-component` for the rest.
//!
//! A guest looks at one thing only: an event with a subject is guilty, and `guilty` is what is done about it. The canonical
//! ABI is spelled out here because guests that lie cannot be written with an SDK.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as the repository has it.
pub const WIT: &str = include_str!("../../wit/tidegate.wit");

/// What a guest exports beside `lifecycle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Filter,
    Transform,
    Matcher,
}

/// A guest under construction. All texts are instructions in the text format of core WebAssembly.
///
/// While rows are gone through there are the locals `$row` (address of the event's row), `$r` (its number), `$n` (events),
/// `$code` (the verdict), `$hits` (guilty events so far), `$outs` (outputs or pairs so far), `$skip` (a transform writes no
/// output of its own for this event), `$i` and `$at`, and the globals `$codes` and `$out` (addresses of codes and outputs).
#[derive(Clone, Debug)]
pub struct Guest {
    kind: Kind,
    imports: String,
    items: String,
    describe: String,
    configure: String,
    guilty: String,
    each: String,
    finish: String,
    schema: Option<String>,
    reasons: Vec<String>,
    names: Vec<String>,
}

impl Guest {
    pub fn filter() -> Guest {
        Guest::new(Kind::Filter)
    }

    /// Lets everything through as it is.
    pub fn transform() -> Guest {
        Guest::new(Kind::Transform)
    }

    /// Names nothing.
    pub fn matcher() -> Guest {
        Guest::new(Kind::Matcher)
    }

    fn new(kind: Kind) -> Guest {
        let empty = String::new;
        Guest {
            kind,
            imports: empty(),
            items: empty(),
            describe: empty(),
            configure: empty(),
            guilty: empty(),
            each: empty(),
            finish: empty(),
            schema: None,
            reasons: Vec::new(),
            names: Vec::new(),
        }
    }

    /// What is done about a guilty event.
    #[must_use]
    pub fn guilty(self, code: &str) -> Guest {
        Guest { guilty: code.to_owned(), ..self }
    }

    /// What is done about every event, after that.
    #[must_use]
    pub fn each(self, code: &str) -> Guest {
        Guest { each: code.to_owned(), ..self }
    }

    /// What is done before a call with guilty events returns.
    #[must_use]
    pub fn finish(self, code: &str) -> Guest {
        Guest { finish: format!("(if (local.get $hits) (then {code}))"), ..self }
    }

    /// What is done before any call returns, warm-up too.
    #[must_use]
    pub fn always(self, code: &str) -> Guest {
        Guest { finish: code.to_owned(), ..self }
    }

    #[must_use]
    pub fn configure(self, code: &str) -> Guest {
        Guest { configure: code.to_owned(), ..self }
    }

    #[must_use]
    pub fn describe(self, code: &str) -> Guest {
        Guest { describe: code.to_owned(), ..self }
    }

    /// Imports of the core module.
    #[must_use]
    pub fn imports(self, items: &str) -> Guest {
        Guest { imports: items.to_owned(), ..self }
    }

    /// Further items of the core module.
    #[must_use]
    pub fn items(self, items: &str) -> Guest {
        Guest { items: items.to_owned(), ..self }
    }

    #[must_use]
    pub fn schema(self, schema: &str) -> Guest {
        Guest { schema: Some(schema.to_owned()), ..self }
    }

    #[must_use]
    pub fn reasons(self, reasons: &[&str]) -> Guest {
        Guest { reasons: reasons.iter().map(|&text| text.to_owned()).collect(), ..self }
    }

    #[must_use]
    pub fn names(self, names: &[&str]) -> Guest {
        Guest { names: names.iter().map(|&text| text.to_owned()).collect(), ..self }
    }

    pub fn component(&self) -> Vec<u8> {
        let world = match self.kind {
            Kind::Filter => "filter-module",
            Kind::Transform => "transform-module",
            Kind::Matcher => "matcher-module",
        };
        component(WIT, world, &self.component_core())
    }

    /// The text of its core module.
    pub fn component_core(&self) -> String {
        let Guest { imports, items, describe, configure, .. } = self;
        let mut data = Data::new();
        let name = data.string("hand-made");
        let version = data.string("1");
        let schema = self.schema.as_ref().map_or((0, 0), |schema| data.string(schema));
        let option = i32::from(self.schema.is_some());
        data.words(INFO, &[name.0, name.1, version.0, version.1, option, schema.0, schema.1]);
        let reasons: Vec<_> = self.reasons.iter().map(|text| data.string(text)).collect();
        let reasons = data.list(&reasons);
        let names: Vec<_> = self.names.iter().map(|text| data.string(text)).collect();
        let names = data.list(&names);
        let call = self.call(reasons, names);
        let data = data.text;
        format!(
            r#"(module {imports}
  (memory (export "memory") 17)
  (global $heap (mut i32) (i32.const {HEAP}))
  (global $codes (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0))
  (global $ext_len (mut i32) (i32.const 0))
  {data} {items}
  (func $alloc (param $size i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))) (i32.const -1))
        (then unreachable))))
    (local.get $at))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $alloc (local.get 3)))
  (func (export "tidegate:guest/lifecycle@0.1.0#describe") (result i32) {describe} (i32.const {INFO}))
  (func (export "tidegate:guest/lifecycle@0.1.0#configure") (param $ptr i32) (param $len i32) (result i32) (local $i i32)
    ;; ok({{attributes}})
    (i32.store8 (i32.const {CONFIGURED}) (i32.const 0))
    (i32.store8 (i32.const {}) (i32.const 1))
    {configure}
    (global.set $heap (i32.const {HEAP}))
    (i32.const {CONFIGURED}))
  {call})"#,
            CONFIGURED + 4,
        )
    }

    fn call(&self, reasons: (i32, i32), names: (i32, i32)) -> String {
        let Guest { guilty, each, finish, .. } = self;
        let (name, at) = match self.kind {
            Kind::Filter => ("filter@0.1.0#evaluate", RESULT + 4),
            Kind::Transform => ("transform@0.1.0#apply", RESULT + 8),
            Kind::Matcher => ("matcher@0.1.0#assign", RESULT + 4),
        };
        let mut result = store(at, "(global.get $codes)") + &store(at + 4, "(local.get $n)");
        result += &(store_number(at + 8, reasons.0) + &store_number(at + 12, reasons.1));
        let (mut prepare, mut keep) = (String::new(), String::new());
        match self.kind {
            Kind::Filter => {}
            Kind::Transform => {
                prepare +=
                    "(global.set $out (call $alloc (i32.mul (i32.add (local.get $n) (i32.const 64)) (i32.const 96))))";
                keep += "(if (i32.eqz (i32.or (local.get $code) (local.get $skip))) (then (call $output (local.get $outs) (local.get $r)) (local.set $outs (i32.add (local.get $outs) (i32.const 1)))))";
                result += &format!("(i64.store (i32.const {}) (local.get $now))", at + 16);
                result += &store_number(at + 24, 24);
                result += &(store_number(at + 28, EXTENSIONS) + &store(at + 32, "(global.get $ext_len)"));
                result += &store(at + 36, "(global.get $out)");
                result += &store(at + 40, "(i32.mul (local.get $outs) (i32.const 24))");
            }
            Kind::Matcher => {
                prepare +=
                    "(global.set $out (call $alloc (i32.mul (i32.add (local.get $n) (i32.const 64)) (i32.const 8))))";
                result += &(store_number(at + 16, names.0) + &store_number(at + 20, names.1));
                result += &store(at + 24, "(global.get $out)");
                result += &store(at + 28, "(i32.mul (local.get $outs) (i32.const 2))");
            }
        }
        format!(
            r#"
  ;; Output number $at: origin $r, everything inherited, and the extensions at the beginning of `bytes` added.
  (func $output (param $at i32) (param $r i32) (local $row i32)
    (local.set $row (i32.add (global.get $out) (i32.mul (local.get $at) (i32.const 96))))
    (memory.fill (local.get $row) (i32.const 0) (i32.const 96))
    (i32.store offset=4 (local.get $row) (local.get $r))
    (i32.store offset=8 (local.get $row) (i32.const 0x3ff))
    (if (global.get $ext_len) (then
      (i32.store offset=8 (local.get $row) (i32.const 0x103ff))
      (i32.store offset=76 (local.get $row) (global.get $ext_len)))))
  (func (export "tidegate:guest/{name}")
    (param $now i64) (param $words i32) (param $bytes i32) (param $bytes_len i32) (param $index i32) (param $index_len i32)
    (result i32)
    (local $n i32) (local $r i32) (local $row i32) (local $code i32) (local $hits i32) (local $outs i32) (local $i i32)
    (local $at i32) (local $skip i32)
    (local.set $n (i32.div_u (local.get $index_len) (local.get $words)))
    (global.set $codes (call $alloc (i32.mul (i32.add (local.get $n) (i32.const 64)) (i32.const 4))))
    {prepare}
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $r) (local.get $n)))
      (local.set $row (i32.add (local.get $index) (i32.mul (i32.mul (local.get $r) (local.get $words)) (i32.const 4))))
      (local.set $code (i32.const 0))
      (local.set $skip (i32.const 0))
      (if (i32.load offset=44 (local.get $row)) (then
        (local.set $hits (i32.add (local.get $hits) (i32.const 1)))
        {guilty}))
      {each}
      {keep}
      (i32.store (i32.add (global.get $codes) (i32.mul (local.get $r) (i32.const 4))) (local.get $code))
      (local.set $r (i32.add (local.get $r) (i32.const 1)))
      (br $next)))
    (i32.store8 (i32.const {RESULT}) (i32.const 0))
    {result}
    {finish}
    (global.set $heap (i32.const {HEAP}))
    (i32.const {RESULT}))"#
        )
    }
}

/// Addresses: info record, result of `configure`, result of a call (8-aligned), extensions of outputs, static data, heap.
const INFO: i32 = 1024;
pub const CONFIGURED: i32 = 1280;
pub const RESULT: i32 = 1536;
pub const EXTENSIONS: i32 = 2048;
const DATA: i32 = 8192;
const HEAP: i32 = 1 << 20;

/// Stores a word at an address.
pub fn store_number(at: i32, value: i32) -> String {
    store(at, &format!("(i32.const {value})"))
}

fn store(at: i32, value: &str) -> String {
    format!("(i32.store (i32.const {at}) {value})\n")
}

/// Static data.
struct Data {
    text: String,
    at: i32,
}

impl Data {
    fn new() -> Data {
        Data { text: String::new(), at: DATA }
    }

    fn bytes(&mut self, at: i32, bytes: &[u8]) {
        let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        self.text += &format!("(data (i32.const {at}) \"{escaped}\")\n");
    }

    fn string(&mut self, text: &str) -> (i32, i32) {
        let at = self.at;
        self.bytes(at, text.as_bytes());
        let len = i32::try_from(text.len()).expect("short text");
        self.at += (len + 7) & !7;
        (at, len)
    }

    fn words(&mut self, at: i32, words: &[i32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.bytes(at, &bytes);
    }

    fn list(&mut self, items: &[(i32, i32)]) -> (i32, i32) {
        let at = self.at;
        let words: Vec<i32> = items.iter().flat_map(|&(start, len)| [start, len]).collect();
        self.words(at, &words);
        let count = i32::try_from(items.len()).expect("few items");
        self.at += 8 * count;
        (at, count)
    }
}

/// A component from a core module in text form and the world it is for.
pub fn component(wit: &str, world: &str, core: &str) -> Vec<u8> {
    let mut module = wat::parse_str(core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_source("test.wit", wit).expect("valid WIT");
    let world = resolve.select_world(&[package], Some(world)).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let encoder = ComponentEncoder::default().module(&module).expect("a module that fits its world");
    encoder.validate(true).encode().unwrap_or_else(|error| panic!("{error:?}\n{core}"))
}

/// A transform that stamps each event: config `"x1=7"` adds the extension `x1` with `<code>.7`.
pub fn stamp(code: usize) -> Guest {
    let prefix = format!("{code}.");
    let escaped: String = prefix.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let prefix_len = prefix.len();
    // Entry: name length, kind 1 (string), value length, name, value. The config has quotes around it.
    Guest::transform().items(&format!("(data (i32.const 4096) \"{escaped}\")")).configure(&format!(
        "(i32.store8 (i32.const {EXTENSIONS}) (i32.const 2))
         (i32.store8 (i32.const {kind}) (i32.const 1))
         (i32.store (i32.const {length}) (i32.add (i32.const {prefix_len}) (i32.sub (local.get $len) (i32.const 5))))
         (memory.copy (i32.const {name}) (i32.add (local.get $ptr) (i32.const 1)) (i32.const 2))
         (memory.copy (i32.const {value}) (i32.const 4096) (i32.const {prefix_len}))
         (memory.copy (i32.const {rest}) (i32.add (local.get $ptr) (i32.const 4)) (i32.sub (local.get $len) (i32.const 5)))
         (global.set $ext_len (i32.add (i32.const {}) (i32.sub (local.get $len) (i32.const 5))))",
        8 + prefix_len,
        kind = EXTENSIONS + 1,
        length = EXTENSIONS + 2,
        name = EXTENSIONS + 6,
        value = EXTENSIONS + 8,
        rest = EXTENSIONS + 8 + i32::try_from(prefix_len).expect("short"),
    ))
}

/// A filter that drops what has a subject, with a reason.
pub fn drops_guilty() -> Guest {
    Guest::filter().reasons(&["has a subject"]).guilty("(local.set $code (i32.const 0x101))")
}
