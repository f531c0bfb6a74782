package tidegate

import "errors"

// What the build hands over with -ldflags -X: the last element of the module's path in go.mod, and the version there.
var (
	name    = "module"
	version = "0.0.0"
)

// module is the one that this program is: a component has one function of a kind.
var module struct {
	needs      needs
	schema     string
	registered bool
	configured bool
	configure  func(text string) error

	evaluate, apply, assign func() error
}

// What a call reads and writes. Kept and reused from call to call.
var (
	current  batch
	answered answers
	written  drafts
	named    assigned
)

// Option says something about a module when it is registered.
type Option func()

// Needs lists what the module reads. The host leaves the rest out, which is cheaper; reading it all the same fails the call
// with an error that says so. Without this option a module gets attributes, extensions and data.
func Needs(parts ...Part) Option {
	return func() {
		module.needs = 0
		for _, part := range parts {
			module.needs |= needs(part)
		}
	}
}

// Schema gives a JSON Schema of the configuration: the text of schema.json beside the source, embedded with go:embed. The build
// reads the same file, so that `tidegate inspect` runs nothing. [SchemaOf] derives one.
func Schema(schema string) Option {
	return func() { module.schema = schema }
}

func register(options []Option, configure func(string) error) {
	if !module.registered {
		module.needs = needs(Attributes) | needs(Extensions) | needs(Data)
	}
	module.registered = true
	module.configure = configure
	for _, option := range options {
		option()
	}
}

func registerWith[C any](options []Option) *C {
	config := new(C)
	register(options, func(text string) error {
		*config = *new(C)
		return decodeConfig(text, config)
	})
	return config
}

// configureOnce reads the configuration of this instance.
func configureOnce(text string) error {
	if !module.registered {
		return errors.New("the program registers no function: call tidegate.Filter, Transform or Matcher in init")
	}
	if module.configured {
		return errors.New("this instance has been configured before")
	}
	if err := module.configure(text); err != nil {
		return err
	}
	module.configured = true
	return nil
}

var errNotConfigured = errors.New("called before `configure`")

func evaluate(b *batch, a *answers, filter func(Event) Verdict) error {
	a.begin(b.len())
	for i := range b.len() {
		a.push(filter(b.event(i)))
	}
	return b.checkMisreads()
}

func apply(b *batch, a *answers, d *drafts, transform func(Event) Output) error {
	a.begin(b.len())
	d.begin()
	for i := range b.len() {
		first := d.rows()
		event := b.event(i)
		output := transform(event)
		if output == nil {
			output = Drop("")
		}
		a.push(output.settle(d, event, first))
	}
	return b.checkMisreads()
}

func assign(b *batch, a *answers, to *assigned, matcher func(Event, *Names) Verdict) error {
	a.begin(b.len())
	to.begin()
	for i := range b.len() {
		verdict := matcher(b.event(i), &to.names)
		a.push(to.finish(uint32(i), verdict))
	}
	if err := b.checkMisreads(); err != nil {
		return err
	}
	return to.names.checkCount()
}
