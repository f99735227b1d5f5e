module cloud.google.com/go/compute

go 1.26.0
