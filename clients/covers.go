package clients

// Covers reports whether a driver has all the named operations of an object.
func Covers(d Driver, object string, ops []string) bool {
	has := map[OpSpec]bool{}
	for _, o := range d.Ops() {
		has[OpSpec{Object: o.Object, Name: o.Name}] = true
	}
	for _, name := range ops {
		if !has[OpSpec{Object: object, Name: name}] {
			return false
		}
	}
	return true
}
