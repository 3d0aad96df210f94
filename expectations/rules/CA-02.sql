-- A poverty model stands in a commune that is extremely difficult, or whose poor rate is below 25 percent: the plan
-- wants it where the rate is 25 percent or more, the extremely difficult communes aside. Both are those of the year of
-- the activity or, until they are accepted, of the last year before; the rate is the poor households of the accepted
-- lists over the households of the commune profile, in the standard in force. Not judged: a commune of which neither is
-- known, such as one that came to be when the district level ended and has reported nothing since.
with two_level as (
    select min(valid_from) as begins_on
    from reference.admin_unit
    where system = 'two_level'
),

model as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.commune_code,
        b.held_on,
        extract(year from b.held_on) as held_year,
        b.held_on >= two_level.begins_on as is_two_level
    from {batch} as b
    cross join two_level
    where b.kind = 'poverty_model'
),

profile as (
    select distinct on (a.commune_code, a.period_code)
        a.commune_code,
        a.period_end,
        a.sender_code,
        a.period_code,
        a.household_count,
        a.is_extremely_difficult,
        a.period_end >= two_level.begins_on as is_two_level
    from accepted.commune_profile as a
    cross join two_level
    where
        a.commune_code in (
            select model.commune_code
            from model
        )
    order by a.commune_code, a.period_code, a.submission_id desc
),

-- A household in the lists of two senders counts in the one received last; a year under two standards by the earlier.
household as (
    select distinct on (household_code, period_code)
        commune_code,
        period_code,
        class_reported
    from accepted.household_review
    where
        period_code in (
            select profile.period_code
            from profile
        )
    order by household_code, period_code, standard_code, submission_id desc, row_number
),

poor as (
    select
        commune_code,
        period_code,
        count(*) filter (where class_reported = 'poor') as poor_count
    from household
    group by commune_code, period_code
),

held as (
    select distinct
        list.period_code,
        review.commune_code
    from ops.submission as list
    inner join ops.held_row as held_row on list.submission_id = held_row.submission_id
    inner join raw.household_review as review
        on
            held_row.submission_id = review.submission_id
            and held_row.sheet_name = review.sheet_name
            and held_row.row_number = review.row_number
    where
        list.dataset = 'household_review'
        and list.status_code in ('accepted', 'accepted_with_findings')
),

-- No poor household on the list of who reports the commune is none; without that list, or with all held, it is unknown.
rate as (
    select
        profile.commune_code,
        profile.period_end,
        profile.is_two_level,
        100.0 * coalesce(poor.poor_count, 0) / nullif(profile.household_count, 0) as poor_rate
    from profile
    left join poor
        on
            profile.commune_code = poor.commune_code
            and profile.period_code = poor.period_code
    left join held
        on
            profile.commune_code = held.commune_code
            and profile.period_code = held.period_code
    where
        poor.commune_code is not null
        or (
            held.commune_code is null
            and exists (
                select 1
                from ops.submission as list
                where
                    list.dataset = 'household_review'
                    and list.status_code in ('accepted', 'accepted_with_findings')
                    and list.sender_code = profile.sender_code
                    and list.period_code = profile.period_code
            )
        )
),

last_profile as (
    select distinct on (model.submission_id, model.sheet_name, model.row_number)
        model.submission_id,
        model.sheet_name,
        model.row_number,
        profile.is_extremely_difficult,
        extract(year from profile.period_end)::integer as known_year
    from model
    inner join profile
        on
            model.commune_code = profile.commune_code
            and model.held_year >= extract(year from profile.period_end)
            and model.is_two_level = profile.is_two_level
    order by model.submission_id, model.sheet_name, model.row_number, profile.period_end desc
),

last_rate as (
    select distinct on (model.submission_id, model.sheet_name, model.row_number)
        model.submission_id,
        model.sheet_name,
        model.row_number,
        round(rate.poor_rate, 2) as poor_rate_shown,
        rate.poor_rate,
        extract(year from rate.period_end)::integer as known_year
    from model
    inner join rate
        on
            model.commune_code = rate.commune_code
            and model.held_year >= extract(year from rate.period_end)
            and model.is_two_level = rate.is_two_level
            and rate.poor_rate is not null
    order by model.submission_id, model.sheet_name, model.row_number, rate.period_end desc
)

select
    model.submission_id,
    model.sheet_name,
    model.row_number,
    'commune_code' as column_name,
    model.commune_code as value,
    concat_ws(' ', model.commune_code, unit.name) as commune,
    case
        when last_profile.is_extremely_difficult then format('xã đặc biệt khó khăn (năm %s)', last_profile.known_year)
        else format(
            'tỷ lệ hộ nghèo %s%%, dưới 25%% (năm %s)',
            replace(last_rate.poor_rate_shown::text, '.', ','), last_rate.known_year
        )
    end as reason_vi,
    case
        when last_profile.is_extremely_difficult then format('extremely difficult (%s)', last_profile.known_year)
        else format('a poor rate of %s%%, below 25%% (%s)', last_rate.poor_rate_shown, last_rate.known_year)
    end as reason_en
from model
left join last_profile
    on
        model.submission_id = last_profile.submission_id
        and model.sheet_name = last_profile.sheet_name
        and model.row_number = last_profile.row_number
left join last_rate
    on
        model.submission_id = last_rate.submission_id
        and model.sheet_name = last_rate.sheet_name
        and model.row_number = last_rate.row_number
left join reference.admin_unit as unit
    on
        model.commune_code = unit.code
        and unit.level = 'commune'
        and model.held_on >= coalesce(unit.valid_from, '-infinity')
        and model.held_on <= coalesce(unit.valid_to, 'infinity')
where
    last_profile.is_extremely_difficult
    or last_rate.poor_rate < 25
