module example.com/dedupe-window // 0.1.0

go 1.26

require tidegate.dev/tidegate v0.1.0

replace tidegate.dev/tidegate => ../../../sdk-guest/go
