-- Households that were poor or near-poor in the last accepted review of the sender's area, under the same standard, and
-- stand neither in this list nor in another sender's of this year: one finding for the whole report. The area is what
-- the sender reported then, or what lay in its communes of today: those of its district, or the commune itself and
-- those that became part of it as a whole. Codes of households are no names; at most so many are shown.
with reports as (
    select distinct
        b.submission_id,
        b.sender_code,
        b.period_end,
        b.standard_code
    from {batch} as b
),

communes as (
    select distinct
        reports.submission_id,
        reports.sender_code,
        reports.period_end,
        reports.standard_code,
        unnest(array[unit.code, successor.old_commune_code]) as commune_code
    from reports
    inner join reference.admin_unit as unit
        on
            unit.level = 'commune'
            and reports.sender_code in ('huyen-' || unit.parent_code, 'xa-' || unit.code)
            and reports.period_end >= coalesce(unit.valid_from, '-infinity')
            and reports.period_end <= coalesce(unit.valid_to, 'infinity')
    left join reference.admin_unit_successor as successor
        on
            reports.sender_code = 'xa-' || successor.new_commune_code
            and successor.how = 'whole'
),

earlier as (
    select
        reports.submission_id,
        reports.sender_code,
        reports.period_end as review_end,
        a.household_code,
        a.period_end,
        a.class_reported
    from reports
    inner join accepted.household_review as a
        on
            reports.sender_code = a.sender_code
            and reports.standard_code = a.standard_code
            and reports.period_end > a.period_end
    union
    select
        communes.submission_id,
        communes.sender_code,
        communes.period_end as review_end,
        a.household_code,
        a.period_end,
        a.class_reported
    from communes
    inner join accepted.household_review as a
        on
            communes.commune_code = a.commune_code
            and communes.standard_code = a.standard_code
            and communes.period_end > a.period_end
),

known as (
    select
        submission_id,
        sender_code,
        review_end,
        household_code,
        period_end,
        class_reported,
        max(period_end) over (partition by submission_id) as last_end
    from earlier
),

unexplained as (
    select
        known.submission_id,
        known.household_code,
        known.period_end
    from known
    left join {batch} as b
        on
            known.submission_id = b.submission_id
            and known.household_code = b.household_code
    left join accepted.household_review as moved
        on
            known.household_code = moved.household_code
            and known.review_end = moved.period_end
            and known.sender_code <> moved.sender_code
    where
        known.period_end = known.last_end
        and known.class_reported in ('poor', 'near_poor')
        and b.submission_id is null
        and moved.submission_id is null
)

select
    submission_id,
    null as sheet_name,
    null::integer as row_number,
    null as column_name,
    null as value,
    count(*) as count,
    extract(year from period_end)::integer as year,
    array_to_string((array_agg(household_code order by household_code))[1:20], ', ')
    || case when count(*) > 20 then ', …' else '' end as households
from unexplained
group by submission_id, period_end
