// Package clock steps the time of day that one process sees, while it runs and as it is: nothing of it is built or started in another
// way, and the machine's clock stays. Steady time goes on as before, as when NTP or the move of a virtual machine sets a clock.
//
// Programs ask for the time in code that Linux puts into each of them, the vDSO. [Step] has that code, in that process alone, ask the
// kernel and add to what it says. Go, C++, Java and Python all see it. What a process has the kernel wait for until a time of day still
// ends by the machine's clock.
//
// Where the next line goes: when a process may be changed and how, step.go; what it is changed to, code.go.
package clock
