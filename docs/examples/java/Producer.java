// Sends one command, JSON from stdin, and prints where in Kafka it lies:
//
//     java -cp 'lib/*' Producer.java chat.commands school-2/ada < command.json
//
// KAFKA_BOOTSTRAP_SERVERS  brokers, comma-separated
// CHAT_TOKEN               the JWT to send with
//
// What became of it stands on chat.events, chat.rejections or chat.dead-letter, told by that place or the command's ids.

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Producer {
    public static void main(String[] arguments) throws IOException, InterruptedException, ExecutionException {
        // The client's defaults are what the service asks for: acks=all, idempotence, and murmur2 of the key.
        Map<String, Object> settings = Map.of("bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
        var command = new ProducerRecord<>(arguments[0], arguments[1], System.in.readAllBytes());
        command.headers().add("authorization", ("Bearer " + System.getenv("CHAT_TOKEN")).getBytes(UTF_8));
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
            var at = producer.send(command).get();
            System.out.printf("{\"topic\":\"%s\",\"partition\":%d,\"offset\":%d}%n", at.topic(), at.partition(), at.offset());
        }
    }
}
