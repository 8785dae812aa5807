import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A Kafka of one node, broker and controller in one, on loopback: DIR PORT CONTROLLER_PORT [attached]. Its storage is formatted the first time. Ends on SIGTERM
 * and, when attached, with its standard input.
 */
public class KafkaServer {
  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[0]).toAbsolutePath();
    String broker = "127.0.0.1:" + args[1];
    String controller = "127.0.0.1:" + args[2];
    Path properties = dir.resolve("server.properties");
    Path data = dir.resolve("log");
    Files.createDirectories(dir);
    Files.write(
        properties,
        List.of(
            "process.roles=broker,controller",
            "node.id=1",
            "listeners=PLAINTEXT://" + broker + ",CONTROLLER://" + controller,
            "advertised.listeners=PLAINTEXT://" + broker,
            "controller.listener.names=CONTROLLER",
            "controller.quorum.voters=1@" + controller,
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs=" + data,
            "auto.create.topics.enable=false",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=4",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.min.session.timeout.ms=3000",
            "group.initial.rebalance.delay.ms=0"));
    if (!Files.exists(data.resolve("meta.properties"))) {
      String[] format = {"format", "-t", "tributary-local-kafka0", "-c", properties.toString()};
      int status = kafka.tools.StorageTool.execute(format, new PrintStream(System.err));
      if (status != 0) System.exit(status);
    }
    if (args.length > 3) {
      Thread watch =
          new Thread(
              () -> {
                try {
                  while (System.in.read() >= 0) {}
                } catch (java.io.IOException gone) {
                  // Whoever held the other end has ended.
                }
                System.exit(0);
              });
      watch.setDaemon(true);
      watch.start();
    }
    kafka.Kafka.main(new String[] {properties.toString()});
  }
}
