-- The same person or household received the same policy before in the calendar year; of a policy that recurs
-- (reference.support_policy.once_per), before in the same quarter. The later delivery is the finding; on one day, that
-- of the later sender or row. Compared with its own report and with the accepted ones, whoever sent them.
-- Not judged: a case not delivered or without a date, and a policy for persons where the person is not told.
with delivery as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.sender_code,
        b.period_code,
        b.support_id,
        b.household_code,
        b.policy_code,
        b.delivered_on,
        policy.name_vi,
        policy.name_en,
        policy.once_per,
        case policy.per when 'person' then b.person_no else 0 end as person_no,
        date_trunc(policy.once_per, b.delivered_on) as span
    from {batch} as b
    inner join reference.support_policy as policy on b.policy_code = policy.code
    where b.status = 'delivered'
),

accepted_delivery as (
    select
        a.submission_id,
        a.sheet_name,
        a.row_number,
        a.sender_code,
        a.period_code,
        a.support_id,
        a.household_code,
        a.policy_code,
        a.delivered_on,
        case policy.per when 'person' then a.person_no else 0 end as person_no,
        date_trunc(policy.once_per, a.delivered_on) as span
    from accepted.support_delivery as a
    inner join reference.support_policy as policy on a.policy_code = policy.code
    where a.status = 'delivered'
),

earlier as (
    select
        later.submission_id,
        later.sheet_name,
        later.row_number,
        own.delivered_on as earlier_on,
        own.submission_id as earlier_submission_id,
        own.sheet_name as earlier_sheet_name,
        own.row_number as earlier_row_number,
        own.sender_code as earlier_sender_code,
        own.support_id as earlier_support_id
    from delivery as later
    inner join delivery as own
        on
            later.submission_id = own.submission_id
            and later.household_code = own.household_code
            and later.person_no = own.person_no
            and later.policy_code = own.policy_code
            and later.span = own.span
            and (later.delivered_on, later.sheet_name, later.row_number)
            > (own.delivered_on, own.sheet_name, own.row_number)
    union all
    select
        later.submission_id,
        later.sheet_name,
        later.row_number,
        other.delivered_on as earlier_on,
        other.submission_id as earlier_submission_id,
        other.sheet_name as earlier_sheet_name,
        other.row_number as earlier_row_number,
        other.sender_code as earlier_sender_code,
        other.support_id as earlier_support_id
    from delivery as later
    inner join accepted_delivery as other
        on
            later.household_code = other.household_code
            and later.person_no = other.person_no
            and later.policy_code = other.policy_code
            and later.span = other.span
            and (later.sender_code, later.period_code) <> (other.sender_code, other.period_code)
            and (later.delivered_on, later.sender_code, later.period_code)
            > (other.delivered_on, other.sender_code, other.period_code)
),

first_delivery as (
    select distinct on (submission_id, sheet_name, row_number) *
    from earlier
    order by
        submission_id, sheet_name, row_number,
        earlier_on, earlier_submission_id, earlier_sheet_name, earlier_row_number
)

select
    delivery.submission_id,
    delivery.sheet_name,
    delivery.row_number,
    'household_code' as column_name,
    delivery.household_code as value,
    delivery.household_code,
    delivery.name_vi as policy_vi,
    delivery.name_en as policy_en,
    case delivery.once_per when 'quarter' then 'trong quý' else 'trong năm' end as span_vi,
    case delivery.once_per when 'quarter' then 'in the quarter' else 'in the year' end as span_en,
    case
        when first_delivery.submission_id = first_delivery.earlier_submission_id
            then format('hồ sơ “%s” ở dòng %s', first_delivery.earlier_support_id, first_delivery.earlier_row_number)
        when delivery.sender_code = first_delivery.earlier_sender_code
            then format('hồ sơ “%s”', first_delivery.earlier_support_id)
        else format('vụ việc số %s-%s', first_delivery.earlier_submission_id, first_delivery.earlier_row_number)
    end as where_vi,
    case
        when first_delivery.submission_id = first_delivery.earlier_submission_id
            then format('case “%s” in row %s', first_delivery.earlier_support_id, first_delivery.earlier_row_number)
        when delivery.sender_code = first_delivery.earlier_sender_code
            then format('case “%s”', first_delivery.earlier_support_id)
        else format('case number %s-%s', first_delivery.earlier_submission_id, first_delivery.earlier_row_number)
    end as where_en
from delivery
inner join first_delivery
    on
        delivery.submission_id = first_delivery.submission_id
        and delivery.sheet_name = first_delivery.sheet_name
        and delivery.row_number = first_delivery.row_number
