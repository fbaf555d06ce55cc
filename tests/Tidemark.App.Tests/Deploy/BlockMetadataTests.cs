namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// deploy/azure/block-metadata.sh with the kernel's own packet filter, in a network namespace that stands for the VM. Behind it are a
/// container and
/// a machine with Azure's two addresses and another one. Needs root, and a machine that allows the namespace.
/// </summary>
public sealed class BlockMetadataTests
{
    /// <summary>Nothing listens there: what is refused has been reached, what is dropped gives no answer.</summary>
    private const string Script = """
        set -eu
        trap 'kill $(jobs -p)' EXIT
        ip link set lo up
        echo 1 > /proc/sys/net/ipv4/ip_forward

        # attach NAME ITS_ADDRESS OUR_ADDRESS: a machine in a namespace of its own, whose way out is this one; $pid is its.
        attach() {
          unshare --net sleep 60 &
          pid=$!
          while [ "$(readlink /proc/$pid/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
          ip link add "$1" type veth peer name eth0 netns "$pid"
          ip address add "$3" dev "$1"
          ip link set "$1" up
          nsenter --net --target "$pid" sh -c "
            ip link set lo up; ip address add $2 dev eth0; ip link set eth0 up; ip route add default via ${3%/*}"
        }
        attach container 172.20.0.2/24 172.20.0.1/24
        container=$pid
        attach azure 10.0.0.2/24 10.0.0.1/24
        for address in 169.254.169.254 168.63.129.16 198.51.100.7; do
          nsenter --net --target "$pid" ip address add "$address/32" dev lo
          ip route add "$address/32" via 10.0.0.2
        done

        # As Docker leaves it to the host.
        iptables --new-chain DOCKER-USER
        iptables --append FORWARD --jump DOCKER-USER

        reached() {
          for target in 169.254.169.254/80 169.254.169.254/443 168.63.129.16/80 168.63.129.16/32526 168.63.129.16/53 198.51.100.7/80; do
            status=0
            nsenter --net --target "$container" timeout 1 bash -c "< /dev/tcp/$target" 2> /dev/null || status=$?
            [ "$status" = 124 ] || printf ' %s' "$target"
          done
          echo
        }
        echo "before:$(reached)"
        "$BLOCK"
        echo "after:$(reached)"
        iptables --list-rules DOCKER-USER > "$RULES"
        "$BLOCK"
        iptables --list-rules DOCKER-USER | cmp "$RULES" -
        """;

    [Fact]
    public async Task Containers_reach_all_but_what_hands_out_the_VM_s_identity()
    {
        foreach (var program in (string[])["ip", "iptables", "bash", "nsenter"])
        {
            Tool.Require(Tool.Find(program) is not null, program);
        }

        Assert.SkipUnless(await Tool.RunAsync("unshare", "--net", "true") is { ExitCode: 0 }, "network namespaces are not allowed here");
        var rules = Path.GetTempFileName();
        try
        {
            var result = await Tool.RunAsync(
                "unshare",
                ["--net", "bash", "-c", Script],
                null,
                null,
                [("BLOCK", Repository.PathOf("deploy/azure/block-metadata.sh")), ("RULES", rules)]);
            Assert.True(result.ExitCode == 0, result.Output + result.Error);
            Assert.Equal(
                "before: 169.254.169.254/80 169.254.169.254/443 168.63.129.16/80 168.63.129.16/32526 168.63.129.16/53 198.51.100.7/80\n"
                + "after: 168.63.129.16/53 198.51.100.7/80\n",
                result.Output);
        }
        finally
        {
            File.Delete(rules);
        }
    }
}
