package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }
