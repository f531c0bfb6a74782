//go:build !wasm

package tidegate

import (
	"errors"

	"tidegate.dev/tidegate/internal/native"
)

func init() {
	native.Registered = native.Module{
		Needs:  func() uint32 { return uint32(module.needs) },
		Schema: func() string { return module.schema },
		Configure: func(config string) error {
			module.configured = false
			return configureOnce(config)
		},
		Evaluate: func(nowMs uint64, bytes []byte, index []uint32) (native.Outcomes, error) {
			err := call(module.evaluate, "filter", nowMs, bytes, index)
			return outcomes(), err
		},
		Apply: func(nowMs uint64, bytes []byte, index []uint32) (native.Outcomes, []byte, []uint32, error) {
			err := call(module.apply, "transform", nowMs, bytes, index)
			return outcomes(), written.bytes, written.index, err
		},
		Assign: func(nowMs uint64, bytes []byte, index []uint32) (native.Outcomes, []string, []uint32, error) {
			err := call(module.assign, "matcher", nowMs, bytes, index)
			return outcomes(), named.names.all, named.pairs, err
		},
		Event: func(nowMs uint64, bytes []byte, index []uint32) any {
			alone := new(batch)
			alone.set(nowMs, rowWords, bytes, index)
			return alone.event(0)
		},
	}
}

func call(function func() error, kind string, nowMs uint64, bytes []byte, index []uint32) error {
	if function == nil {
		return errors.New("the program registers no " + kind)
	}
	if !module.configured {
		return errNotConfigured
	}
	current.set(nowMs, rowWords, bytes, index)
	return function()
}

func outcomes() native.Outcomes {
	return native.Outcomes{Codes: answered.codes, Reasons: answered.reasons}
}
