package admin

// forget has the next question asked of the meshes again.
func (b *Board) forget() {
	b.gathering.Lock()
	defer b.gathering.Unlock()
	b.last = nil
}
