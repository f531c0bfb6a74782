//! Guests in text: components over the contract's ABI, small enough to be as hostile as a test needs.
//!
//! The core module of a guest has these helpers: `$alloc size`, `$row index row`, `$mark bytes index row` (the first byte
//! of the event's id), `$codes rows` (that many zero codes), `$ok codes rows`, `$err ptr len`. Results are written at 1024.

/// What a guest is made of. `Default` is one that keeps everything.
pub(crate) struct Guest {
    /// In the component, before the core module: imports, and canon lowers into `$host`.
    pub(crate) component: String,
    /// `(with …)` of the core instance.
    pub(crate) with: String,
    /// In the core module: its imports. Must come first there.
    pub(crate) core_imports: String,
    /// In the core module: memory.
    pub(crate) memory: String,
    /// In the core module: more functions, tables, data.
    pub(crate) core: String,
    pub(crate) configure: String,
    pub(crate) evaluate: Option<String>,
    pub(crate) apply: Option<String>,
    pub(crate) assign: Option<String>,
    /// What runs when a call of `apply` is over (`post-return`).
    pub(crate) after_apply: Option<String>,
    pub(crate) version: String,
    pub(crate) lifecycle: bool,
}

/// Parameters of the deciding functions.
const BATCH: &str = "(param $now i64) (param $words i32) (param $bytes i32) (param $size i32) (param $index i32) (param $len i32) (result i32) (local $rows i32) (local $i i32) (local $codes i32) (local $out i32) (local $p i32)";

/// `configure` that accepts anything and needs everything.
pub(crate) const ACCEPT: &str =
    "(i32.store8 (i32.const 1024) (i32.const 0)) (i32.store8 (i32.const 1028) (i32.const 15)) (i32.const 1024)";

/// `evaluate` that keeps everything.
pub(crate) const KEEP: &str = "(call $ok (call $codes (local.get $rows)) (local.get $rows))";

impl Default for Guest {
    fn default() -> Guest {
        Guest {
            component: String::new(),
            with: String::new(),
            core_imports: String::new(),
            memory: "(memory (export \"memory\") 2)".into(),
            core: String::new(),
            configure: ACCEPT.into(),
            evaluate: None,
            apply: None,
            assign: None,
            after_apply: None,
            version: "0.1.0".into(),
            lifecycle: true,
        }
    }
}

impl Guest {
    pub(crate) fn filter(evaluate: &str) -> Guest {
        Guest { evaluate: Some(evaluate.into()), ..Guest::default() }
    }

    pub(crate) fn transform(apply: &str) -> Guest {
        Guest { apply: Some(apply.into()), ..Guest::default() }
    }

    pub(crate) fn matcher(assign: &str) -> Guest {
        Guest { assign: Some(assign.into()), ..Guest::default() }
    }

    pub(crate) fn core(self, core: &str) -> Guest {
        Guest { core: core.into(), ..self }
    }

    /// Imports `log.write` as `$write level ptr len`.
    pub(crate) fn with_log(self) -> Guest {
        self.importing(
            r#"(import "tidegate:guest/log@0.1.0" (instance $log
                 (type $l (enum "trace" "debug" "info" "warn" "error"))
                 (export "level" (type $level (eq $l)))
                 (export "write" (func (param "level" $level) (param "message" string)))))
               (core func $write (canon lower (func $log "write") (memory (core memory $libc "memory"))))"#,
            r#"(export "write" (func $write))"#,
            r#"(import "host" "write" (func $write (param i32 i32 i32)))"#,
        )
    }

    /// Imports `metrics.counter` and `metrics.add` as `$counter ptr len` and `$add counter amount`.
    pub(crate) fn with_metrics(self) -> Guest {
        self.importing(
            r#"(import "tidegate:guest/metrics@0.1.0" (instance $metrics
                 (export "counter" (func (param "name" string) (result u32)))
                 (export "add" (func (param "counter" u32) (param "amount" u64)))))
               (core func $counter (canon lower (func $metrics "counter") (memory (core memory $libc "memory"))))
               (core func $add (canon lower (func $metrics "add")))"#,
            r#"(export "counter" (func $counter)) (export "add" (func $add))"#,
            r#"(import "host" "counter" (func $counter (param i32 i32) (result i32)))
               (import "host" "add" (func $add (param i32 i64)))"#,
        )
    }

    /// Any import of the component: `component` binds and lowers it, `exports` hands it to the core module as `host`, and
    /// `core_imports` takes it there. The memory then comes from `$libc`.
    pub(crate) fn importing(self, component: &str, exports: &str, core_imports: &str) -> Guest {
        let libc = r#"(core module $libc-module (memory (export "memory") 2)) (core instance $libc (instantiate $libc-module))"#;
        Guest {
            component: format!("{libc} {component}"),
            with: format!(r#"(with "libc" (instance $libc)) (with "host" (instance {exports}))"#),
            core_imports: format!(r#"(import "libc" "memory" (memory 2)) {core_imports}"#),
            memory: r#"(export "memory" (memory 0))"#.into(),
            ..self
        }
    }

    pub(crate) fn wasm(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    fn text(&self) -> String {
        let Guest { component, with, core_imports, memory, core, configure, version, .. } = self;
        let after = self.after_apply.iter().map(|body| format!(r#"(func (export "after") (param i32) {body})"#));
        let after: String = after.collect();
        let functions: String = [("evaluate", &self.evaluate), ("apply", &self.apply), ("assign", &self.assign)]
            .into_iter()
            .filter_map(|(name, body)| Some((name, body.as_ref()?)))
            .map(|(name, body)| {
                // Memory is taken back when all is said: what was passed in was allocated before the call.
                format!(
                    r#"(func ${name} {BATCH} (local.set $rows (i32.div_u (local.get $len) (local.get $words))) {body})
                    (func (export "{name}") (param i64 i32 i32 i32 i32 i32) (result i32)
                      (call ${name} (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5))
                      (call $reset))
                    "#
                )
            })
            .collect();
        let lifted = self.lifted();
        format!(
            r#"(component
  (import "tidegate:guest/events@{version}" (instance $events
    (type $b (record (field "now-ms" u64) (field "row-words" u32) (field "bytes" (list u8)) (field "index" (list u32))))
    (export "batch" (type (eq $b)))
    (type $o (record (field "codes" (list u32)) (field "reasons" (list string))))
    (export "outcomes" (type (eq $o)))
    (type $n (flags "attributes" "extensions" "data" "context"))
    (export "needs" (type (eq $n)))))
  (alias export $events "batch" (type $batch))
  (alias export $events "outcomes" (type $outcomes))
  (alias export $events "needs" (type $needs))
  {component}
  (core module $m
    {core_imports}
    {memory}
    (global $heap (mut i32) (i32.const 65536))
    (func $reset (global.set $heap (i32.const 65536)))
    (func $alloc (param $size i32) (result i32) (local $at i32) (local $missing i32)
      (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
      (global.set $heap (i32.add (local.get $at) (local.get $size)))
      (local.set $missing (i32.sub (i32.shr_u (i32.add (global.get $heap) (i32.const 65535)) (i32.const 16)) (memory.size)))
      (if (i32.gt_s (local.get $missing) (i32.const 0))
        (then (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (unreachable)))))
      (local.get $at))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $alloc (local.get 3)))
    (func $row (param $index i32) (param $row i32) (result i32)
      (i32.add (local.get $index) (i32.mul (local.get $row) (i32.const 96))))
    (func $mark (param $bytes i32) (param $index i32) (param $row i32) (result i32)
      (i32.load8_u (i32.add (local.get $bytes) (i32.load offset=16 (call $row (local.get $index) (local.get $row))))))
    (func $codes (param $rows i32) (result i32) (local $at i32)
      (local.set $at (call $alloc (i32.mul (local.get $rows) (i32.const 4))))
      (memory.fill (local.get $at) (i32.const 0) (i32.mul (local.get $rows) (i32.const 4)))
      (local.get $at))
    (func $ok (param $codes i32) (param $rows i32) (result i32)
      (memory.fill (i32.const 1024) (i32.const 0) (i32.const 64))
      (i32.store (i32.const 1028) (local.get $codes))
      (i32.store (i32.const 1032) (local.get $rows))
      (i32.const 1024))
    (func $err (param $at i32) (param $len i32) (result i32)
      (i32.store8 (i32.const 1024) (i32.const 1))
      (i32.store (i32.const 1028) (local.get $at))
      (i32.store (i32.const 1032) (local.get $len))
      (i32.const 1024))
    (data (i32.const 16) "wat-guest1.2.3")
    (func (export "describe") (result i32)
      (memory.fill (i32.const 1024) (i32.const 0) (i32.const 64))
      (i32.store (i32.const 1024) (i32.const 16)) (i32.store (i32.const 1028) (i32.const 9))
      (i32.store (i32.const 1032) (i32.const 25)) (i32.store (i32.const 1036) (i32.const 5))
      (i32.const 1024))
    (func (export "configure") (param $config i32) (param $config-len i32) (result i32) {configure})
    {functions}
    {after}
    {core})
  (core instance $i (instantiate $m {with}))
  (type $info-record (record (field "name" string) (field "version" string) (field "config-schema" (option string))))
  (export $info "info" (type $info-record))
  (type $output-record (record (field "outcomes" $outcomes) (field "events" $batch)))
  (export $output "output" (type $output-record))
  (type $assignment-record (record (field "outcomes" $outcomes) (field "names" (list string)) (field "pairs" (list u32))))
  (export $assignment "assignment" (type $assignment-record))
  {lifted})"#
        )
    }

    fn lifted(&self) -> String {
        let version = &self.version;
        let canon = "(memory (core memory $i \"memory\")) (realloc (core func $i \"cabi_realloc\"))";
        let mut text = String::new();
        let after = self.after_apply.as_ref().map_or("", |_| "(post-return (core func $i \"after\"))");
        for (name, interface, result, body, after) in [
            ("evaluate", "filter", "$outcomes", &self.evaluate, ""),
            ("apply", "transform", "$output", &self.apply, after),
            ("assign", "matcher", "$assignment", &self.assign, ""),
        ] {
            if body.is_some() {
                text += &format!(
                    r#"(func ${name} (param "events" $batch) (result (result {result} (error string)))
                         (canon lift (core func $i "{name}") {canon} {after}))
                       (instance ${interface} (export "{name}" (func ${name})))
                       (export "tidegate:guest/{interface}@{version}" (instance ${interface}))
                    "#
                );
            }
        }
        if self.lifecycle {
            text += &format!(
                r#"(func $describe (result $info) (canon lift (core func $i "describe") {canon}))
                   (func $configure (param "config" string) (result (result $needs (error string)))
                     (canon lift (core func $i "configure") {canon}))
                   (instance $lifecycle (export "describe" (func $describe)) (export "configure" (func $configure)))
                   (export "tidegate:guest/lifecycle@{version}" (instance $lifecycle))
                "#
            );
        }
        text
    }
}

/// Runs `body` for each row, with `$i` the row and `$codes` the codes; then answers with the codes.
pub(crate) fn each(body: &str) -> String {
    format!(
        r#"(local.set $codes (call $codes (local.get $rows)))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $rows)))
          {body}
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
        (call $ok (local.get $codes) (local.get $rows))"#
    )
}

/// Runs `body` for rows whose id begins with `mark`.
pub(crate) fn marked(mark: char, body: &str) -> String {
    each(&when(mark, body))
}

/// Writes the code of row `$i`.
pub(crate) fn code(code: u32) -> String {
    format!("(i32.store (i32.add (local.get $codes) (i32.mul (local.get $i) (i32.const 4))) (i32.const {code}))")
}

/// A transform that echoes; `body` may change the output row at `$p` or the code of row `$i`, `finish` the result at 1024.
pub(crate) fn echo(body: &str, finish: &str) -> String {
    format!(
        r#"(local.set $codes (call $codes (local.get $rows)))
        (local.set $out (call $codes (i32.mul (local.get $rows) (i32.const 24))))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $rows)))
          (local.set $p (call $row (local.get $out) (local.get $i)))
          (i32.store offset=4 (local.get $p) (local.get $i))
          (i32.store offset=8 (local.get $p) (i32.const 0x3ff))
          {body}
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
        (memory.fill (i32.const 1024) (i32.const 0) (i32.const 64))
        (i32.store (i32.const 1032) (local.get $codes)) (i32.store (i32.const 1036) (local.get $rows))
        (i32.store (i32.const 1056) (i32.const 24))
        (i32.store (i32.const 1068) (local.get $out)) (i32.store (i32.const 1072) (i32.mul (local.get $rows) (i32.const 24)))
        {finish}
        (i32.const 1024)"#
    )
}

/// `body` for rows whose id begins with `mark`.
pub(crate) fn when(mark: char, body: &str) -> String {
    let mark = mark as u32;
    format!(
        "(if (i32.eq (call $mark (local.get $bytes) (local.get $index) (local.get $i)) (i32.const {mark})) (then {body}))"
    )
}

/// A matcher whose names are the ten bytes `eu/ordersx` cut by `names` (a list of start and length), and that gives row `i`
/// the pairs written by `body`: call `$pair row name`.
pub(crate) fn assign(names: &[(u32, u32)], body: &str) -> String {
    let list: String = names
        .iter()
        .enumerate()
        .map(|(i, (start, len))| {
            let at = 512 + 8 * i;
            format!(
                "(i32.store (i32.const {at}) (i32.const {})) (i32.store (i32.const {}) (i32.const {len}))",
                256 + start,
                at + 4
            )
        })
        .collect();
    format!(
        r#"(local.set $codes (call $codes (local.get $rows)))
        (local.set $out (call $codes (i32.const 4096)))
        (global.set $pairs (local.get $out))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $rows)))
          {body}
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
        {list}
        (drop (call $ok (local.get $codes) (local.get $rows)))
        (i32.store (i32.const 1044) (i32.const 512)) (i32.store (i32.const 1048) (i32.const {}))
        (i32.store (i32.const 1052) (local.get $out))
        (i32.store (i32.const 1056) (i32.shr_u (i32.sub (global.get $pairs) (local.get $out)) (i32.const 2)))
        (i32.const 1024)"#,
        names.len()
    )
}

/// What [`assign`] needs in the core module.
pub(crate) const PAIRS: &str = r#"
    (global $pairs (mut i32) (i32.const 0))
    (data (i32.const 256) "eu/ordersx")
    (func $pair (param $row i32) (param $name i32)
      (i32.store (global.get $pairs) (local.get $row))
      (i32.store offset=4 (global.get $pairs) (local.get $name))
      (global.set $pairs (i32.add (global.get $pairs) (i32.const 8))))"#;
