package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
)

// More programs for the scripts of testdata:
//
//	killed COMMAND...             with SIGKILL as soon as it says "started"
//	killedboth COMMAND...         and its watcher before it
//	routedev ADDRESS...           prints by which device packets there leave
//	sshd COMMAND...               as if somebody came by SSH from 198.51.100.7, by eth0
//	killwatcher                   ends the watchers in this network namespace with SIGKILL
//	meddled COMMAND...            while another program sets the mtu of eth0 to 1301 and 1302
//	                              all the time, until it hears of "running again"
//	rehearses                     a Go program that rehearses in the background, and says whether
//	                              it is in its namespace afterwards
//	onterminal ACTION COMMAND...  on a terminal; when it waits to be confirmed, there
//	                              is enter, int, hup, usr1, kill, close or nothing

func killed() { whenStarted(func(p *os.Process) { p.Kill() }) }

// killedBoth is a program: see above.
func killedBoth() {
	whenStarted(func(p *os.Process) {
		if n := killWatchers(); n != 1 {
			fatal(fmt.Errorf("%d watchers", n))
		}
		p.Kill()
	})
}

// killWatcher is a program: see above.
func killWatcher() { fmt.Println("killed", killWatchers()) }

// killWatchers says how many there were. They are gone when it returns.
func killWatchers() int {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		fatal(err)
	}
	found := 0
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		args, _ := os.ReadFile(dir + "/cmdline")
		ns, _ := os.Readlink(dir + "/ns/net")
		var pid int
		if words := strings.Split(string(args), "\x00"); ns != own || len(words) < 2 || words[1] != watchVerb {
			continue
		}
		fmt.Sscan(filepath.Base(dir), &pid)
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			fatal(err)
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
			fatal(err)
		}
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10000)
		found++
	}
	return found
}

// rehearses is a program: see above. The first thread of a process is free while main
// waits, and does not end with what was locked to it.
func rehearses() {
	own := func() string {
		ns, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			fatal(err)
		}
		return ns
	}
	before := own()
	e, err := engine.New()
	if err != nil {
		fatal(err)
	}
	op, err := engine.NewOp("link", "br0", map[string]any{"kind": "bridge"})
	if err != nil {
		fatal(err)
	}
	done := make(chan error)
	for range 5 {
		go func() {
			_, err := e.Rehearse(context.Background(), op)
			done <- err
		}()
		if err := <-done; err != nil {
			fatal(err)
		}
	}
	if own() == before {
		fmt.Println("it is where it was")
	}
}

// onTerminal is a program: see above. Its exit status is the command's, 128 more
// than the signal that ended it.
func onTerminal() {
	action := os.Args[1]
	master, slave, err := terminalPair()
	if err != nil {
		fatal(err)
	}
	// A signal that we ignore, under nohup say, the command would ignore too.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		fatal(err)
	}
	slave.Close()
	stop := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stop.Stop()
	var said strings.Builder
	acted := false
	buf := make([]byte, 4096)
	for {
		n, err := master.Read(buf)
		os.Stdout.Write(buf[:n])
		said.Write(buf[:n])
		if !acted && strings.Contains(said.String(), "unless confirmed:") {
			acted = true
			if act(action, master, cmd.Process); action == "close" {
				break
			}
		}
		if err != nil { // EIO: nobody has the terminal open any more
			break
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		os.Exit(128 + int(exit.Sys().(syscall.WaitStatus).Signal()))
	}
	finish(err)
}

func act(action string, terminal *os.File, p *os.Process) {
	switch action {
	case "enter":
		io.WriteString(terminal, "\n")
	case "int":
		io.WriteString(terminal, "\x03")
	case "hup":
		p.Signal(syscall.SIGHUP)
	case "usr1":
		p.Signal(syscall.SIGUSR1)
	case "kill":
		p.Kill()
	case "close":
		terminal.Close()
	case "nothing":
	default:
		fatal(fmt.Errorf("onterminal: %s?", action))
	}
}

// terminalPair opens a pseudo terminal.
func terminalPair() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return master, slave, err
}

// routeDevs is a program: see above.
func routeDevs() {
	for _, to := range os.Args[1:] {
		dev, err := routeDev(netip.Addr{}, netip.MustParseAddr(to))
		fmt.Println(to, dev, err)
	}
}

// meddled is a program: see above.
func meddled() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout = os.Stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for mtu := uint32(1301); ; mtu = 2603 - mtu {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
			if err := setMTU("eth0", mtu); err != nil {
				fatal(err)
			}
		}
	}()
	if err := cmd.Start(); err != nil {
		fatal(err)
	}
	end := sync.OnceFunc(func() { close(stop); <-done })
	for r := bufio.NewReader(pipe); ; {
		line, err := r.ReadString('\n')
		io.WriteString(os.Stderr, line)
		if strings.Contains(line, "running again") {
			end()
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	end()
	finish(err)
}

func setMTU(dev string, mtu uint32) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(dev)
	if err != nil {
		return err
	}
	req.SetUint32(mtu)
	return unix.IoctlIfreq(fd, unix.SIOCSIFMTU, req)
}
