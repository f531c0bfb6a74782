//! What has no effect is told, with its place.

use super::good;

const ALL: &str = "\
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: read}
spec: {memory: {}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Source
metadata: {name: unread}
spec: {memory: {}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: written}
spec: {memory: {}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: dead}
spec: {memory: {}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Sink
metadata: {name: unwritten}
spec: {memory: {}}
---
apiVersion: tidegate.dev/v1alpha1
kind: Route
metadata: {name: all, labels: {tier: gold}}
spec: {from: [{name: read}], to: [{sink: written}], deadLetter: {sink: dead}}
---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: gold}
spec: {phase: Admit, selector: {matchLabels: {tier: gold}}, wasm: {module: file:a.wasm}}
---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: silver}
spec: {phase: Admit, selector: {matchLabels: {tier: silver}}, wasm: {module: file:a.wasm}}
---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: elsewhere, namespace: shop}
spec: {phase: Admit, wasm: {module: file:a.wasm}}
---
apiVersion: tidegate.dev/v1alpha1
kind: FilterPolicy
metadata: {name: everywhere, namespace: system}
spec: {phase: Admit, wasm: {module: file:a.wasm}}
";

#[test]
fn what_has_no_effect_is_told() {
    let told: Vec<String> = good(ALL).unused().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "good.yaml:8:18: Source default/unread: no route reads it, so it is not opened",
            "good.yaml:23:18: Sink default/unwritten: no route writes to it",
            "good.yaml:38:18: FilterPolicy default/silver: no route has the labels that it selects",
            "good.yaml:43:18: FilterPolicy shop/elsewhere: its namespace has no route",
        ]
    );
}
