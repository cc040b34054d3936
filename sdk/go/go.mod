module weir/sdk/go

go 1.25.0
