package clock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// jumpSize is how many bytes of a function are replaced: a jump to what stands for it.
const jumpSize = 5

// function is one of the vDSO's that tell the time of day, and what stands for it in amd64's machine code: it asks the kernel and adds
// the seconds that are to follow after.
type function struct {
	name          string
	before, after []byte
}

func functions() []function {
	return []function{
		{
			name: "__vdso_clock_gettime", // (clock edi, time rsi)
			before: []byte{
				0xb8, 228, 0, 0, 0, // mov eax, clock_gettime
				0x0f, 0x05, // syscall
				0x85, 0xc0, // test eax, eax
				0x75, 16, // jne end
				0x85, 0xff, // test edi, edi: CLOCK_REALTIME
				0x74, 5, // je add
				0x83, 0xff, 5, // cmp edi, CLOCK_REALTIME_COARSE
				0x75, 7, // jne end
				0x48, 0x81, 0x06, // add: add qword [rsi], seconds
			},
			after: []byte{0xc3}, // end: ret
		},
		{
			name: "__vdso_gettimeofday", // (time rdi, zone rsi)
			before: []byte{
				0xb8, 96, 0, 0, 0, // mov eax, gettimeofday
				0x0f, 0x05, // syscall
				0x85, 0xc0, // test eax, eax
				0x75, 12, // jne end
				0x48, 0x85, 0xff, // test rdi, rdi
				0x74, 7, // je end
				0x48, 0x81, 0x07, // add qword [rdi], seconds
			},
			after: []byte{0xc3}, // end: ret
		},
		{
			name: "__vdso_time", // (seconds rdi)
			before: []byte{
				0xb8, 201, 0, 0, 0, // mov eax, time
				0x0f, 0x05, // syscall
				0x48, 0x05, // add rax, seconds
			},
			after: []byte{
				0x48, 0x85, 0xff, // test rdi, rdi
				0x74, 3, // je end
				0x48, 0x89, 0x07, // mov [rdi], rax
				0xc3, // end: ret
			},
		},
	}
}

// change is bytes of a vDSO that are to be others.
type change struct {
	at   int
	with []byte
}

// changes are what has a vDSO, whose image is as the kernel made it, add d to the time of day. What stands for its functions goes to
// the end of its last page, which is empty; in each function itself only a jump there changes, and for a d of 0 back.
func changes(image []byte, d time.Duration) ([]change, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	var codes, jumps []change
	room := len(image)
	for _, f := range functions() {
		i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == f.name })
		if i < 0 || symbols[i].Size < jumpSize {
			return nil, fmt.Errorf("the vDSO has no %s", f.name)
		}
		at := int(symbols[i].Value)
		if d == 0 {
			jumps = append(jumps, change{at, image[at : at+jumpSize]})
			continue
		}
		code := slices.Concat(f.before, binary.LittleEndian.AppendUint32(nil, uint32(int32(d/time.Second))), f.after)
		room -= len(code)
		codes = append(codes, change{room, code})
		jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(int32(room-at-jumpSize)))
		jumps = append(jumps, change{at, jump})
	}
	if used := bytes.TrimRight(image, "\x00"); len(used) > room {
		return nil, fmt.Errorf("the vDSO has %d bytes and no room for %d", len(used), len(image)-room)
	}
	return append(codes, jumps...), nil
}
