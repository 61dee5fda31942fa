package sample

// Break makes a replica panic, as raft does when it finds what cannot be.
func (s *Store) Break(name string) error {
	return s.on(name, func(r *replica) { r.run(func() { panic("tocommit is out of range") }) })
}
